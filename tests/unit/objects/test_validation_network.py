"""What Services, Endpoints and EndpointSlices say, and what an update may change."""

from __future__ import annotations

from typing import Any

import pytest

from support.judging import a_document, changed, judged, judged_status, judged_update

IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def a_service(**spec: Any) -> dict[str, Any]:
    return a_document("Service", spec={"ports": [{"port": 80}], **spec})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"clusterIP": "None", "ports": []}, []),
        ({"type": "ExternalName", "externalName": "db.example.", "ports": []}, []),
        ({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}, []),
        ({"type": "ExternalName"}, ["externalName: Required value"]),
        (
            {"type": "Tunnel"},
            [
                (
                    'type: Unsupported value: "Tunnel": supported values: "ClusterIP", "ExternalName", '
                    '"LoadBalancer", "NodePort"'
                )
            ],
        ),
        (
            {"type": "NodePort", "clusterIP": "None"},
            ["clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
        ),
        ({"ports": [{"port": 80}, {"port": 81}]}, ["ports[0].name: Required value", "ports[1].name: Required value"]),
        (
            {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]},
            ['ports[1].name: Duplicate value: "a"'],
        ),
        (
            {"ports": [{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]},
            [
                (
                    'ports[1]: Duplicate value: core.ServicePort{Name:"", Protocol:"TCP", '
                    "AppProtocol:(*string)(nil), "
                    'Port:80, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}'
                )
            ],
        ),
        (
            {"ports": [{"port": 80, "nodePort": 30080}]},
            ["ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
        ),
        ({"ports": [{"port": 80, "targetPort": "UP"}]}, 2),
        ({"selector": {"a b": "c"}}, 1),
        (
            {"sessionAffinity": "Cookie"},
            ['sessionAffinity: Unsupported value: "Cookie": supported values: "ClientIP", "None"'],
        ),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}},
            [
                (
                    "sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 "
                    "and less than 86400"
                )
            ],
        ),
        ({"externalIPs": ["127.0.0.1"]}, 1),
        ({"externalIPs": ["x"]}, [f'externalIPs[0]: Invalid value: "x": {IP}']),
        (
            {"clusterIP": "192.0.2.1", "clusterIPs": ["192.0.2.2"]},
            ['clusterIPs: Invalid value: []string{"192.0.2.2"}: first value must match `clusterIP`'],
        ),
        (
            {"clusterIP": "192.0.2.1", "clusterIPs": ["192.0.2.1", "192.0.2.2"]},
            [
                (
                    'clusterIPs: Invalid value: []string{"192.0.2.1", "192.0.2.2"}: may specify no more than '
                    "one IP for each IP family"
                )
            ],
        ),
        ({"clusterIP": "192.0.2.1", "clusterIPs": ["192.0.2.1", "2001:db8::1"], "ipFamilies": ["IPv4", "IPv6"]}, []),
        (
            {"clusterIP": "192.0.2.1", "ipFamilies": ["IPv6"]},
            ['clusterIPs[0]: Invalid value: "192.0.2.1": expected an IPv6 value as indicated by `ipFamilies[0]`'],
        ),
        ({"ipFamilies": ["IPv5"]}, ['ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"']),
        (
            {"externalTrafficPolicy": "Local"},
            ['externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'],
        ),
        (
            {"internalTrafficPolicy": "X"},
            ['internalTrafficPolicy: Unsupported value: "X": supported values: "Cluster", "Local"'],
        ),
        (
            {"loadBalancerClass": "a.example/b"},
            ["loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
        ),
        ({"type": "LoadBalancer", "loadBalancerSourceRanges": [" 192.0.2.0/24 "]}, []),
        ({"type": "LoadBalancer", "loadBalancerSourceRanges": ["192.0.2.0"]}, 1),
    ],
)
def test_services(spec: dict[str, Any], expected: list[str] | int) -> None:
    found = judged(a_service(**spec))

    if isinstance(expected, int):
        assert len(found) == expected
    else:
        assert found == [f"spec.{text}" for text in expected]


def test_an_address_stays_once_it_is_given() -> None:
    old = a_service(clusterIP="192.0.2.1")

    assert judged_update(a_service(clusterIP="192.0.2.1", selector={"a": "b"}), old) == []
    assert judged_update(a_service(clusterIP="192.0.2.2"), old) == [
        'spec.clusterIPs[0]: Invalid value: []string{"192.0.2.2"}: may not change once set'
    ]
    assert judged_update(a_service(), old) == [
        "spec.clusterIPs[0]: Invalid value: []string(nil): primary clusterIP can not be unset"
    ]
    assert judged_update(a_service(type="ExternalName", externalName="a.example", ports=[]), old) == []


def test_a_second_address_goes_only_with_a_single_stack() -> None:
    old = a_service(clusterIP="192.0.2.1", clusterIPs=["192.0.2.1", "2001:db8::1"])

    assert judged_update(a_service(clusterIP="192.0.2.1", ipFamilyPolicy="SingleStack"), old) == []
    assert judged_update(a_service(clusterIP="192.0.2.1"), old) == [
        (
            "spec.ipFamilyPolicy: Invalid value: null: must be set to 'SingleStack' when releasing the secondary "
            "clusterIP"
        )
    ]


def test_status_of_a_service() -> None:
    service = a_service(type="LoadBalancer")
    ingress = [{"ip": "x"}, {"hostname": "192.0.2.1"}]
    new = changed(service, "status", {"loadBalancer": {"ingress": ingress}})

    assert judged_status(new, service) == [
        f'status.loadBalancer.ingress[0].ip: Invalid value: "x": {IP}',
        'status.loadBalancer.ingress[1].hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address',
    ]
    assert judged_status(changed(new, "spec.type", "NodePort"), service)[0] == (
        "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"
    )


@pytest.mark.parametrize(
    ("subset", "expected"),
    [
        ({"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}, []),
        ({}, [": Required value: must specify `addresses` or `notReadyAddresses`"]),
        (
            {"notReadyAddresses": [{"ip": "x"}]},
            [
                f'.notReadyAddresses[0].ip: Invalid value: "x": {IP}',
                '.notReadyAddresses[0].ip: Invalid value: "x": must be a valid IP address',
            ],
        ),
        (
            {"addresses": [{"ip": "169.254.169.254"}]},
            [
                (
                    '.addresses[0].ip: Invalid value: "169.254.169.254": may not be in the link-local range '
                    "(169.254.0.0/16, fe80::/10)"
                )
            ],
        ),
        (
            {"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 0}, {"name": "a", "port": 1}]},
            [
                ".ports[0].name: Required value",
                ".ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
    ],
)
def test_endpoints(subset: dict[str, Any], expected: list[str]) -> None:
    document = a_document("Endpoints", subsets=[subset])

    assert judged(document) == [f"subsets[0]{text}" for text in expected]
    assert judged_update(document, a_document("Endpoints")) == judged(document)


def a_slice(**fields: Any) -> dict[str, Any]:
    return a_document("EndpointSlice", **{"addressType": "IPv4", "endpoints": [], "ports": [], **fields})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"endpoints": [{"addresses": ["192.0.2.1"]}], "ports": [{"name": "web", "port": 80}]}, []),
        ({"addressType": ""}, ["addressType: Required value"]),
        (
            {"addressType": "MAC"},
            ['addressType: Unsupported value: "MAC": supported values: "FQDN", "IPv4", "IPv6"'],
        ),
        ({"endpoints": [{}]}, ["endpoints[0].addresses: Required value: must contain at least 1 address"]),
        (
            {"endpoints": [{"addresses": ["2001:db8::1"]}]},
            ['endpoints[0].addresses[0]: Invalid value: "2001:db8::1": must be a valid IPv4 address'],
        ),
        ({"addressType": "FQDN", "endpoints": [{"addresses": ["a.example."]}]}, []),
        ({"addressType": "FQDN", "endpoints": [{"addresses": ["a"]}]}, 1),
        ({"ports": [{"port": 1}, {"port": 2}]}, ['ports[1].name: Duplicate value: ""']),
        (
            {"endpoints": [{"addresses": ["192.0.2.1"]}] * 1001},
            ["endpoints: Too many: 1001: must have at most 1000 items"],
        ),
        (
            {"endpoints": [{"addresses": ["192.0.2.1"], "hints": {"forZones": [{"name": "a"}, {"name": "a"}]}}]},
            ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"'],
        ),
    ],
)
def test_endpoint_slices(fields: dict[str, Any], expected: list[str] | int) -> None:
    found = judged(a_slice(**fields))

    assert len(found) == expected if isinstance(expected, int) else found == expected


def test_the_address_type_of_a_slice_is_immutable() -> None:
    assert judged_update(a_slice(addressType="IPv6"), a_slice()) == [
        'addressType: Invalid value: "IPv6": field is immutable'
    ]
