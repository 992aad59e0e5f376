"""A Pulumi engine that records what a program registers, in place of the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks, set_all_config
from pulumi.runtime.mocks import MockMonitor, set_mocks
from pulumi.runtime.rpc import unwrap_rpc_secret

from vpdb.settings import project_defaults

SECRET = "1b47061264138c4ac30d75fd1eb44270"  # the engine's mark of a secret value


@dataclass
class Registration:
    """One RegisterResource request: its wire form, and its inputs without the secret wrapping."""

    request: Any
    inputs: dict[str, Any]

    def is_secret(self, *path: str) -> bool:
        """Tell whether the value at a path of keys and list indices is a secret on the wire."""
        value = self.request.object
        for step in path:
            value = value[int(step)] if step.isdigit() else value[step]
        return hasattr(value, "fields") and SECRET in [
            entry.string_value for entry in value.fields.values()
        ]


@dataclass
class Recording(Mocks):
    """What was registered, by type token's last part (`Container`, `Seed`, …)."""

    registered: dict[str, Registration] = field(default_factory=dict)

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        computed = {"imageId": "sha256:0123"} if args.typ.endswith(":RemoteImage") else {}
        self.registered[args.typ.rsplit(":", 1)[-1]].inputs = {
            key: unwrap_rpc_secret(value) for key, value in args.inputs.items()
        }
        return f"{args.name}-id", {**args.inputs, **computed}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        raise AssertionError(f"the program calls {args.token}: it has to plan without calls")


class _Monitor(MockMonitor):
    mocks: Recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        kind = request.type.rsplit(":", 1)[-1]
        self.mocks.registered[kind] = Registration(request, {})
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]


def record(
    program: Callable[[], None],
    *,
    config: Mapping[str, str] | None = None,
    stack: str = "unit",
) -> Recording:
    """Run a program against the recording engine and give the record."""
    from components.stack_settings import PROJECT_DIR

    project, defaults = project_defaults(PROJECT_DIR)
    values = {key: str(value) for key, value in {**defaults, **(config or {})}.items()}
    set_all_config({f"{project}:{key}": value for key, value in values.items()})
    recording = Recording()
    set_mocks(recording, project=project, stack=stack, preview=False, monitor=_Monitor(recording))
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return recording
