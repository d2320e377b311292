"""How many inputs are tried: few and always the same ones, or as many as asked for."""

import os

from hypothesis import HealthCheck, settings

ASKED_FOR = os.environ.get("QQ_MAIL_FUZZ_EXAMPLES")

# Not loaded as the profile of the whole run: other tests have settings of their own.
settings.register_profile(
    "fuzz",
    derandomize=ASKED_FOR is None,
    # Nothing of a run is kept for the next one.
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[
        # One server and one Home Assistant serve all examples of a test.
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


def fuzz(examples: int) -> settings:
    """Return the settings of a test that tries so many inputs unless told."""
    return settings(
        settings.get_profile("fuzz"), max_examples=int(ASKED_FOR or examples)
    )
