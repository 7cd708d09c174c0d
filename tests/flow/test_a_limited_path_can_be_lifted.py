"""What the platform limits by itself, an operator opens again: the engine hears it within seconds."""

from tests.flow.platform import Platform, wait_until

LIFT = "UPDATE pools_path SET suspended_until = NULL, learned = '{}', circuit_failures = 0, why = '', lifted_at = now() WHERE suspended_until > now()"


def test_a_path_that_a_provider_blocked_sends_again_once_it_is_lifted(forgetful: Platform) -> None:
    platform = forgetful
    message = platform.send("block@yahoo.com")
    wait_until(lambda: platform.rows("SELECT 1 FROM pools_path WHERE suspended_until > now()"), 30, "a path was suspended")
    assert message
    with platform.database() as connection:
        connection.execute(LIFT)
    wait_until(lambda: not platform.rows("SELECT 1 FROM pools_path WHERE suspended_until > now()"), 10, "nothing is suspended")
    platform.until(platform.send("fine@yahoo.com"), "delivered")
