"""cfn-lint's door to the project's own rules (`append_rules` in .cfnlintrc.yaml)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-not-found]

# cfn-lint lives in an environment of its own and loads this file by its path.
sys.path.append(str(Path(__file__).parents[3]))

from cellwave_ops.template_rules import iam, posture


class ProjectRules(CloudFormationLintRule):  # type: ignore[misc]
    """Every problem that the project's rules find in a template, at the resource that it names."""

    id = "E9001"
    shortdesc = "The project's own rules"
    description = "No IAM wildcard, encryption, expiry, retention, dead letters, alarms that point at something"
    source_url = "infra/cellwave_ops/template_rules"
    tags = ("cellwave",)

    def match(self, cfn: Any) -> list[Any]:
        """Return a match for each problem of the transformed template."""
        return list(self._matches(cfn.template))

    def _matches(self, template: Any) -> Iterator[Any]:
        for problem in [*iam.problems(template), *posture.problems(template)]:
            yield RuleMatch(["Resources", problem.split()[0].rstrip(":")], problem)
