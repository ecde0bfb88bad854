"""What our plugin for opencode says before a tool runs; the plugin is ours, so the form is as well."""

from collections.abc import Mapping

from firewall.codecs.hooks.event import EventKind, HookEvent, call_of, folder_of, named, text_of, unknown_event


def read(data: bytes, value: Mapping[str, object]) -> HookEvent:
    """Read one event; `value` is `data`, parsed. Raises: ProtocolError."""
    name = named(value, "event")
    session, cwd = text_of(value, "session"), folder_of(value)
    if name == "session.start":
        return HookEvent(EventKind.BEAT, name, None, session, cwd)
    if name != "tool.execute.before":
        raise unknown_event(name)
    use_id = text_of(value, "call")
    call = call_of(data, value, ("arguments",), name=named(value, "tool"), ident=use_id)
    return HookEvent(EventKind.CALL, name, call, session, cwd, use_id)
