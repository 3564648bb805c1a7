"""Read the comments of messages and fields out of the descriptors. Pure: bytes in, text out."""

from __future__ import annotations

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet

_MESSAGE = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER
_NESTED = DescriptorProto.NESTED_TYPE_FIELD_NUMBER
_FIELD = DescriptorProto.FIELD_FIELD_NUMBER


def read_comments(descriptors: bytes) -> dict[str, str]:
    """Return the comment of every message and field by its full name, such as statefleet.api.core.v1.Pod.spec.

    Lines that were broken to fit the source are joined; an empty line still parts paragraphs.
    """
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(descriptors).file:
        for location in file.source_code_info.location:
            name = _name(file, list(location.path)) if location.leading_comments else None
            if name is not None:
                found[name] = _joined(location.leading_comments)
    return found


def _joined(comment: str) -> str:
    paragraphs = comment.split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs).strip()


def _name(file: FileDescriptorProto, path: list[int]) -> str | None:
    """Return the full name of what a path in the source points at; None where it is no message or field."""
    if len(path) < 2 or len(path) % 2 or path[0] != _MESSAGE:
        return None
    message = file.message_type[path[1]]
    names = [file.package, message.name]
    for number, index in zip(path[2::2], path[3::2], strict=True):
        if number == _NESTED:
            message = message.nested_type[index]
            names.append(message.name)
        elif number == _FIELD:
            names.append(message.field[index].name)
        else:
            return None
    return ".".join(names)
