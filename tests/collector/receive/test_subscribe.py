"""Sessions, shared subscriptions, credentials and changed configurations against a real broker."""

from pathlib import Path

from tests.collector.documents import agent_batch, batch, document, status
from tests.collector.running import config_for, publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto, refusing_subscriptions
from tests.servers.waiting import eventually
from tests.servers.web import answers, request


async def test_shared_collectors_divide_batches_and_both_know_the_devices(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Each batch goes to one of them; identity and status go to both."""
    async with (
        running(config_for(mosquitto.port, tmp_path / "1", shared=True, client_id="one")) as one,
        running(config_for(mosquitto.port, tmp_path / "2", shared=True, client_id="two")) as two,
        publisher(mosquitto.port) as client,
    ):
        await one.ready()
        await two.ready()
        names = [f"cdu-{n}" for n in range(20)]
        await publish(client, status(*names), *(document(name) for name in names))
        await publish(client, *(batch(name, seq=n) for n, name in enumerate(names, 1)))
        stats = (one.collector.stats, two.collector.stats)
        await until(lambda: sum(each().points_stored for each in stats) == 40, "every point once")
        await until(lambda: all(each().messages_received >= 21 for each in stats), "documents at both")
        assert all(0 < each().points_stored < 40 for each in stats)
        assert all(len(each().devices_up + each().devices_unknown) == 20 for each in stats)


async def test_what_an_absent_collector_would_share_goes_to_the_one_that_is_left(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Its session must not go on taking a part of the messages, which nobody would read."""
    async with running(config_for(mosquitto.port, tmp_path / "1", shared=True, client_id="one")) as one:
        await one.ready()
    async with (
        running(config_for(mosquitto.port, tmp_path / "2", shared=True, client_id="two")) as two,
        publisher(mosquitto.port) as client,
    ):
        await two.ready()
        await publish(client, *(batch(f"cdu-{n}", seq=n) for n in range(1, 21)))
        await until(lambda: two.collector.stats().points_stored == 40, "every point", timeout_s=20.0)


async def test_a_narrowed_configuration_does_not_get_what_the_session_remembers(
    mosquitto: Mosquitto,
    tmp_path: Path,
) -> None:
    """From all sites to one: the old filter is taken back, and one that cannot be known is ignored."""
    for sites in ("all", ["cas1", "cas2"]):
        async with running(config_for(mosquitto.port, tmp_path, sites=sites)) as running_one:
            await running_one.ready()
    async with (
        running(config_for(mosquitto.port, tmp_path, sites=["cas9"])) as running_one,
        publisher(mosquitto.port) as client,
    ):
        await running_one.ready()
        await publish(client, batch())
        stats = running_one.collector.stats
        await until(lambda: stats().failures == {"site": 1}, "ignored")
        assert stats().points_stored == 0


async def test_identity_is_there_again_after_a_restart(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Retained documents come with the subscription, though the session went on."""
    config = config_for(mosquitto.port, tmp_path)
    async with running(config) as running_one, publisher(mosquitto.port) as client:
        await running_one.subscribed()
        await publish(client, status("cdu-07"), document(), agent_batch({"dcim_agent_devices{state=up}": 1.0}))
        await until(lambda: running_one.collector.stats().messages_received == 3, "first time")
    async with running(config) as running_one:
        await until(lambda: running_one.collector.stats().devices_unknown == ("cas1/cdu-07",), "second time")
        await running_one.reaches('dcim_agent_up{site="cas1",agent="gw-3"}', lambda up: up == 1)


async def test_wrong_credentials_are_named_and_tried_again(tmp_path: Path) -> None:
    """Readiness says why; nothing ends."""
    with Mosquitto(tmp_path / "mosquitto", passwords={"collector": "right"}).serving() as broker:
        wrong = {"port": broker.port, "username": "collector", "password": "wrong", "timeout_s": 5}
        async with running(config_for(broker.port, tmp_path, broker=wrong)) as running_one:
            await running_one.fault("Not authorized")
            assert (await running_one.get("/healthz")).status == 200
        right = wrong | {"password": "right"}
        async with running(config_for(broker.port, tmp_path, broker=right)) as running_one:
            await running_one.ready()


async def test_a_subscription_that_the_broker_refuses_is_named(tmp_path: Path) -> None:
    """Without it nothing would come, and nothing would say so."""
    with Mosquitto(tmp_path / "mosquitto", extra=refusing_subscriptions(tmp_path)).serving() as broker:
        async with running(config_for(broker.port, tmp_path)) as running_one:
            await running_one.fault("the broker refuses the subscription: Not authorized")


async def test_a_host_name_that_cannot_be_one_is_a_fault_of_the_broker(tmp_path: Path) -> None:
    async with running(config_for(1, tmp_path, broker={"host": "a..b"})) as running_one:
        await running_one.fault("cannot resolve a..b: it is not a host name")
        assert (await running_one.get("/healthz")).status == 200


async def test_a_second_collector_of_one_client_id_is_named_and_neither_fights_for_the_session(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """This mosquitto hangs up on the older connection without a reason."""
    async with (
        running(config_for(mosquitto.port, tmp_path / "1")) as one,
        running(config_for(mosquitto.port, tmp_path / "2")) as two,
    ):

        def named() -> bool:
            words = "another client uses the client id collector-under-test: stop it"
            return any(words in request(f"{each.url}/readyz").text for each in (one, two))

        await eventually(named, "one of them says so", timeout_s=60)
        counts = [await each.sample("dcim_collector_mqtt_takeovers_total") for each in (one, two)]
        assert sorted(counts) == ["0.0", "1.0"]
        behind = [await each.sample("dcim_collector_behind") for each in (one, two)]
        assert behind == ["0.0", "0.0"], "neither of them is slow"
        await eventually(lambda: any(answers(f"{each.url}/readyz") for each in (one, two)), "the other one works")
