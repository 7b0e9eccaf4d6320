"""The declarations of a C or C++ header with their comments, read from clang-format's layout.

A comment belongs to the declaration on the next line, or on the same line. A comment before an
empty line stands by itself. Private members, forward declarations and function bodies are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_ACCESS = re.compile(r"(public|protected|private):")


@dataclass
class Declaration:
    """One declaration, or a comment that stands by itself.

    Attributes:
        kind: "function", "class", "enum", "enumerator", "variable", "alias", "macro" or "comment".
        name: its name without those of the scopes.
        text: declaration without body, initial values and export marker.
        comment: lines of the comment without slashes.
        members: public members of a class, or enumerators.
    """

    kind: str
    name: str
    text: str
    comment: list[str]
    members: list[Declaration] = field(default_factory=list)


def opening_comment(source: str) -> list[str]:
    """Lines of the comment at the beginning of a header."""
    lines = source.splitlines()
    end = next(k for k, line in enumerate(lines) if not line.startswith("//"))
    return [_words(line) for line in lines[:end]]


def declarations(source: str) -> list[Declaration]:
    """Public declarations of a header after its opening comment."""
    source = source.replace("\\\n", "")  # macros of several lines
    lines = _without_blocks(source).splitlines()[len(opening_comment(source)) :]
    macros = [
        Declaration("macro", name, name, [f"`{value}`"] if value else [])
        for name, value in re.findall(
            r"^#define (CNNX_VERSION(?:_MAJOR|_MINOR|_PATCH|_NUMBER)?) (\d*)", source, re.MULTILINE
        )
    ]
    ignored = r"#.*|(inline )?namespace \w+ \{|\}  // namespace \w+"
    body = ["" if re.fullmatch(ignored, line) else line for line in lines]
    return macros + list(_scope(body, is_public=True))


def _without_blocks(source: str) -> str:
    """Source without forward declarations, checks of the compiler, and C++ in a C header."""
    parts = (
        r"#ifdef __cplusplus\n.*?#endif",
        r"#if defined\(_GLIBCXX_\w+\).*?#endif",
        r"namespace \w+ \{\n((struct|class) \w+;\n)+\}.*?",
    )
    pattern = rf"^({'|'.join(parts)})\n"
    return re.sub(pattern, "", source, flags=re.MULTILINE | re.DOTALL)


def _words(line: str) -> str:
    """A line of a comment without its slashes."""
    return re.sub(r"^// ?", "", line.strip())


def _scope(lines: list[str], *, is_public: bool) -> Iterator[Declaration]:
    """Declarations of a namespace or a class."""
    comment: list[str] = []
    start = 0
    while start < len(lines):
        line = lines[start].strip()
        end = start + 1
        if access := _ACCESS.fullmatch(line):
            is_public, comment = access[1] == "public", []
        elif line.startswith("//"):
            comment.append(_words(line))
        elif line:
            end = _end(lines, start)
            if is_public:
                yield from _declared(lines[start:end], comment)
            comment = []
        elif comment:
            yield Declaration("comment", "", "", comment)
            comment = []
        start = end


def _end(lines: list[str], start: int) -> int:
    """Index after the last line of the declaration that begins at `start`."""
    depth = 0
    for index in range(start, len(lines)):
        code = _code(lines[index])
        depth += sum(map(code.count, "({[")) - sum(map(code.count, ")}]"))
        if depth == 0 and code.endswith((";", "}")):
            return index + 1
    raise ValueError(f"{lines[start]}: has no end")


def _code(line: str) -> str:
    """A line without its comment."""
    return re.sub(r"(^|\s)//.*$", "", line).rstrip()


def _declared(lines: list[str], comment: list[str]) -> Iterator[Declaration]:
    """Declarations of one statement."""
    ends = (line for line in {0: lines[0], 1: lines[-1]}.values() if _code(line) != line.rstrip())
    trailing = [line[line.index("//") :] for line in dict.fromkeys(ends)]
    code = " ".join(_code(line).strip() for line in lines).replace("CNNX_API ", "")
    head, _, body = code.partition("{")
    head = head.strip()
    record = re.fullmatch(r"((?:template <.*> )?(?:typedef )?(?:struct|class)) (\w+)( .*)?", head)
    if record and body:
        inner = _scope(_inside(lines), is_public="class" not in record[1].split()[-1])
        text = f"{record[1]} {record[2]}{record[3] or ''}"
        yield Declaration("class", record[2], text.removeprefix("typedef "), comment, list(inner))
    elif head.startswith("enum"):
        name = re.sub(r"enum( class)?|:.*", "", head).strip()
        yield Declaration("enum", name, head, comment, list(_enumerators(_inside(lines))))
    elif re.match(r"(struct|class) \w+;|friend ", code):
        return
    elif code.startswith(("using ", "typedef ")):
        name = re.findall(r"\(\*(\w+)\)|(\w+)(?: =|;)", code)[0]
        yield Declaration("alias", "".join(name), code.rstrip(";"), comment)
    else:
        yield from _functions_or_variables(code, comment + [_words(each) for each in trailing])


def _inside(lines: list[str]) -> list[str]:
    """Lines between the braces of a class or an enumeration."""
    first = next(k for k, line in enumerate(lines) if "{" in _code(line))
    after = lines[first].partition("{")[2]
    if first == len(lines) - 1:
        return [after.rpartition("}")[0].strip()]
    return [*([after.strip()] if after.strip() else []), *lines[first + 1 : -1]]


def _enumerators(lines: list[str]) -> Iterator[Declaration]:
    """Enumerators with the comments before, after and below them."""
    found: list[Declaration] = []
    comment: list[str] = []
    indentation = 0
    for line in lines:
        names = re.findall(r"(\w+)(?: = (\w+))?", _code(line))
        words = [_words(line[line.index("//") :])] if "//" in line else []
        if names:
            indentation = len(line) - len(line.lstrip())
            for name, value in names:
                text = f"{name} = {value}" if value else name
                found.append(Declaration("enumerator", name, text, comment + words))
            comment = []
        elif found and len(line) - len(line.lstrip()) > indentation:
            found[-1].comment += words  # continued below
        else:
            comment += words
    yield from found


def _functions_or_variables(code: str, comment: list[str]) -> Iterator[Declaration]:
    """Declarations of a function, or of one or several variables."""
    head = _before_body(code)
    name = re.search(r"(operator\s*(?:[^\s\w(]+|\w+)|~?\w+)\(", _outside_angles(head))
    initial = _outside_angles(head).find(" = ")
    if (name and not (0 <= initial < name.start())) or "operator" in head:
        assert name is not None
        text = re.sub(r"^(template <.*?> )?inline ", r"\1", head)
        yield Declaration("function", name[1], text, comment)
        return
    plain = re.sub(r"^inline ", "", code.rstrip(";"))
    for number, part in enumerate(_split(plain)):
        declared = re.sub(r"\s*(=|\{).*$", "", part).strip()
        if number == 0:
            type_ = re.sub(r"\w+(\[\])?$", "", declared)
        else:
            declared = f"{type_}{declared}"
        value = re.search(r"\s=\s*(.*)$", part)
        shown = f"{declared} = {value[1]}" if value and len(value[1]) < 40 else declared
        own_name = re.sub(r"\[\]$", "", declared).split()[-1].lstrip("*&")
        if "::" not in own_name:  # a member, which its class declares
            yield Declaration("variable", own_name, shown, comment)


def _outside_angles(text: str) -> str:
    """Text whose parts in angle brackets are blank, of the same length."""
    previous = None
    while previous != text:
        previous = text
        text = re.sub(r"<([^<>]*)>", lambda match: " " * len(match[0]), text)
    return text


def _before_body(code: str) -> str:
    """A function without its body and initialisers of members."""
    depth = 0
    for index, character in enumerate(code):
        depth += (character in "(") - (character in ")")
        if depth == 0 and (character in "{;" or code[index : index + 3] == " : "):
            return code[:index].strip()
    return code


def _split(text: str) -> Iterator[str]:
    """Parts of a declaration of several variables, at commas outside all brackets."""
    depth, start = 0, 0
    for index, character in enumerate(text):
        depth += (character in "([{<") - (character in ")]}>")
        if depth == 0 and character == ",":
            yield text[start:index].strip()
            start = index + 1
    yield text[start:].strip()
