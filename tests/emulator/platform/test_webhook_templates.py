from __future__ import annotations

import json

from airflow_provider_apify.emulator.platform.webhook_templates import interpolate


def test_variables_in_string_literals_are_filled_in_only_if_asked() -> None:
    template = '{"a": "{{x}} \\" {{x}}", "b": {{x}}, "c": {{ y.z }}}'
    variables = {"x": 'say "hi"', "y": {"z": [1]}}
    assert json.loads(interpolate(template, variables, strings=False)) == {
        "a": '{{x}} " {{x}}',
        "b": 'say "hi"',
        "c": [1],
    }
    assert json.loads(interpolate(template, variables, strings=True))["a"] == 'say "hi" " say "hi"'
