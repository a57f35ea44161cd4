"""An inventory as people write it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from orchestrator.load.fields import Filled, Variables, is_host_name, misnamed
from orchestrator.load.problems import Finding
from orchestrator.load.provider import ProviderShape
from orchestrator.load.ranges import Range, read_range
from orchestrator.load.shape import Shape, wrong

MAX_VMID = 2**53


def _vmid(value: Any) -> int | Range:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_VMID:
        return value
    found = read_range(value) if isinstance(value, str) else None
    if found and not found.prefix and not found.suffix and found.first >= 1 and not found.width:
        return found
    if found or (isinstance(value, str) and "[" in value):
        raise wrong("must be a range of whole numbers from 1, without zeros in front", "such as '[10002:10120]'")
    fix = "remove the quotes" if isinstance(value, str) and value.isdecimal() else "such as `vmid: 10001`"
    raise wrong("must be a whole number from 1", fix)


def _name(name: str) -> str:
    """The name of a host or a group, or a range of names."""
    found = read_range(name)
    if not is_host_name(f"{found.prefix}0{found.suffix}" if found else name):
        raise wrong(
            f"{name} cannot be the name of a host or a group",
            "letters, digits and . _ - only, no dot or dash first; a range as in web-[01:20]",
        )
    if name == "all":
        raise wrong("all means every host", "choose another name; variables of every host stand under `vars:`")
    return name


def _group_name(name: str) -> str:
    if "[" in name:
        raise wrong("a range of groups is not supported", "write each group")
    return _name(name)


HostVmid = Annotated[
    Any,
    AfterValidator(_vmid),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\[\d+:\d+\]$"}]}),
]


class HostShape(Shape):
    """One VPS, or a range of them; every key besides `vmid` and `hostname` is a variable."""

    model_config = ConfigDict(extra="allow")

    example: ClassVar[str] = "{vmid: 10001}"

    vmid: HostVmid = Field(
        description="What the provider calls the VPS; for a range of hosts a range as long, '[10002:10120]'.",
        examples=[10001],
    )
    hostname: Filled | None = Field(
        default=None,
        description="The name that the guest must have, or nothing is run there; may hold a range.",
        examples=["web-001.example.com"],
    )

    @classmethod
    def rules(cls, given: Mapping[str, Any]) -> Iterator[Finding]:
        for key, value in given.items():
            if key == "vars" and isinstance(value, dict):  # as a group and Ansible have them
                fix = "write them beside vmid: {vmid: 10001, port: 8000}"
                yield Finding(loc=(key,), problem="the variables of a host stand in it, without vars", fix=fix)
            elif key not in cls.model_fields and (finding := misnamed(key)):
                yield replace(finding, loc=(key,))

    def variables(self) -> Mapping[str, Any]:
        """The host's own variables by name."""
        return self.model_extra or {}


class GroupShape(Shape):
    """Hosts that are spoken of together."""

    hosts: list[Filled] = Field(
        default=[], description="Its hosts: names, globs, and ranges.", examples=[["web-*", "cache"]]
    )
    children: list[Filled] = Field(
        default=[], description="Groups whose hosts are its hosts too.", examples=[["web", "db"]]
    )
    vars: Variables = Field(default={}, description="Variables of its hosts.", examples=[{"port": 8000}])


class InventoryShape(Shape):
    """A fleet: the provider that reaches it, its hosts, their groups, and variables."""

    moved: ClassVar[Mapping[str, str]] = {
        "all": "an Ansible inventory is not yet supported; write hosts and groups at the top",
        "plugin": "a dynamic inventory is not yet supported; write the hosts",
        "children": "write groups",
    }

    provider: ProviderShape | None = Field(
        default=None,
        description="How the fleet is reached; HostUp with the key in HOSTUP_API_KEY if not given.",
        examples=[{"kind": "hostup", "api_key": "env:HOSTUP_API_KEY"}],
    )
    vars: Variables = Field(default={}, description="Variables of every host.", examples=[{"region": "se"}])
    hosts: Annotated[dict[Annotated[str, AfterValidator(_name)], HostShape], Field(min_length=1)] = Field(
        description="The hosts by name; a name may be a range, web-[002:120].", examples=[{"web-001": {"vmid": 10001}}]
    )
    groups: dict[Annotated[str, AfterValidator(_group_name)], GroupShape] = Field(
        default={}, description="Groups of hosts by name.", examples=[{"web": {"hosts": ["web-*"]}}]
    )
