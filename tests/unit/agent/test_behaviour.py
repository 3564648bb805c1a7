"""What annotations make of a simulated pod."""

import pytest

from statefleet.agent.behaviour import PREFIX, Behaviour, BehaviourError


def test_annotations_change_the_fleet_s_behaviour_for_one_pod():
    fleet = Behaviour(start_delay=1.0, ready_delay=2.0)
    pod = fleet.for_pod(
        {PREFIX + "start-delay": "0.5s", PREFIX + "crash-after": "3", PREFIX + "ready": "false", "other": "x"}
    )
    assert pod == Behaviour(start_delay=0.5, ready_delay=2.0, crash_after=3.0, ready=False)


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("start-delay", "soon", "not a number of seconds"),
        ("start-delay", "-1", "not a number of seconds"),
        ("exit-code", "256", "0 to 255"),
        ("ready", "yes", "neither true nor false"),
        ("bad-image", "(", "not a regular expression"),
        ("usage", "half", "not a fraction of the requests"),
        ("usage", "-0.5", "not a fraction of the requests"),
        ("usage", "inf", "not a fraction of the requests"),
        ("strat-delay", "1", "known are pull-delay, start-delay"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_named_with_the_fix(name, text, complaint):
    with pytest.raises(BehaviourError, match=complaint) as caught:
        Behaviour().for_pod({PREFIX + name: text})
    assert PREFIX + name in str(caught.value)


@pytest.mark.parametrize(
    ("image", "refused"),
    [
        ("prom/node-exporter:bad", True),
        ("nonexistent/x:1", True),
        ("a/non-existent", True),
        ("web:1", False),
        ("bad:1", False),
    ],
)
def test_images_that_say_so_cannot_be_pulled(image, refused):
    assert Behaviour().refuses(image) is refused
