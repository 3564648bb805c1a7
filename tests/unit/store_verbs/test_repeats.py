"""A request that comes twice under one identifier changes things once and has one answer."""

from __future__ import annotations

import asyncio

from statefleet.objects.kinds import CONFIG_MAP, POD
from support.objects import a_config_map, a_pod
from support.opened_services import Services


async def test_a_repeated_create_answers_the_same_object(services: Services) -> None:
    asked = a_config_map("")
    asked.metadata.generate_name = "cm-"
    first = await services.fleet.create(asked, request_id="once")
    await services.fleet.create(a_config_map("other"))
    again = await services.fleet.create(asked, request_id="once")
    assert again.object == first.object
    assert len((await services.fleet.list(CONFIG_MAP, "default")).items) == 2


async def test_a_create_repeated_while_it_is_under_way_comes_once(services: Services) -> None:
    asked = a_config_map("")
    asked.metadata.generate_name = "cm-"
    first, again = await asyncio.gather(
        services.fleet.create(asked, request_id="once"), services.fleet.create(asked, request_id="once")
    )
    assert first.object == again.object


async def test_a_repeated_update_answers_what_it_led_to_then(services: Services) -> None:
    await services.fleet.create(a_config_map("cm"))
    first = await services.fleet.update(a_config_map("cm", data={"a": "1"}), request_id="once")
    await services.fleet.update(a_config_map("cm", data={"a": "2"}))
    again = await services.fleet.update(a_config_map("cm", data={"a": "1"}), request_id="once")
    assert again.object == first.object
    assert (await services.fleet.get(CONFIG_MAP, "cm", "default")).data["a"] == "2"


async def test_a_repeated_delete_says_again_that_the_object_is_gone(services: Services) -> None:
    await services.fleet.create(a_pod())
    first = await services.fleet.delete(POD, "web-0", "default", request_id="once")
    assert first.deleted
    assert await services.fleet.delete(POD, "web-0", "default", request_id="once") == first


async def test_an_attempt_refused_for_another_write_is_made_anew_under_the_same_request(services: Services) -> None:
    await services.fleet.create(a_config_map("cm"))
    # All are decided at one version, so all but the first are refused at apply and decided again.
    written = await asyncio.gather(
        *(
            services.fleet.update(a_config_map("cm", data={"by": str(number)}), request_id=f"request-{number}")
            for number in range(4)
        )
    )
    versions = {each.object.metadata.resource_version for each in written}
    assert len(versions) == 4
    again = await services.fleet.update(a_config_map("cm", data={"by": "3"}), request_id="request-3")
    assert again.object == written[3].object
