#!/usr/bin/env python3
"""Makes the manual page ngx_http_sts_module(5) of the documents on the directives.

usage: man.py VERSION DATE DIRECTORY > ngx_http_sts_module.5

README.md of the directory has the title, what holds for all directives, and the order of the pages. The
title of a page becomes a section, headings below it subsections. It knows what these documents use of
Markdown.
"""

import os
import re
import sys

# What a line of roff must not begin with.
CONTROL = (".", "'")


def escaped(text):
    """A text in which nothing means anything to roff."""
    return text.replace("\\", "\\e").replace("-", "\\-")


def breakable(text):
    """The same, where a word that is longer than a line may be broken behind a sign."""
    def word(match):
        return re.sub(r"(\\-|[/&,=_.|])(?=.)", r"\1\\:", match[0]) if len(match[0]) > 40 else match[0]

    return re.sub(r"\S+", word, escaped(text))


def inline(text):
    """Code and what is important in bold, links as their text."""
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
    # A link to elsewhere keeps its address, unless that is its text.
    text = re.sub(r"\[([^]]*)\]\((https?://[^)]*)\)",
                  lambda m: m[1] if m[1] == m[2] else f"{m[1]} ({m[2]})", text)
    text = re.sub(r"\[((?:[^][]|\[[^]]*\])*)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(``.+?``|`[^`]*`|\*\*.+?\*\*|\*[^* ][^*]*\*)", text)
    out = []
    for part in parts:
        if part.startswith("`"):
            out.append("\\fB" + breakable(part.strip("`").strip()) + "\\fR")
        elif part.startswith("**"):
            out.append("\\fB" + breakable(part[2:-2].replace("`", "")) + "\\fR")
        elif part.startswith("*") and len(part) > 2 and part.endswith("*"):
            out.append("\\fI" + breakable(part[1:-1]) + "\\fR")
        else:
            out.append(breakable(part))
    text = "".join(out).strip()
    return "\\&" + text if text.startswith(CONTROL) else text


def quoted(text):
    """An argument of a macro."""
    return '"' + inline(text).replace('"', '\\(dq') + '"'


def cells(line):
    """The cells of a row; a `|` in code is written `\\|`."""
    row = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in row]


def table(rows, out):
    """The first cell is what the others are about."""
    header, body = cells(rows[0]), [cells(row) for row in rows[2:]]
    last = ""
    for row in body:
        last = row[0] or last
        out += [".TP", inline(last) or "\\&"]
        rest = row[1:]
        if len(rest) == 1:
            out.append(inline(rest[0]) or "\\(em")
            continue
        texts = []
        for name, cell in zip(header[1:], rest):
            if cell:
                texts.append(f"{inline(name)}: {inline(cell)}" if name else inline(cell))
        out.append(".br\n".join(text + "\n" for text in texts).rstrip("\n") or "\\(em")
    out.append(".PP")


def code(lines, out):
    out += [".PP", ".nf", ".RS 4"]
    for line in lines:
        line = escaped(line.rstrip())
        out.append("\\&" + line if line.startswith(CONTROL) or not line else line)
    out += [".RE", ".fi", ".PP"]


def document(text, out, depth):
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = lines.index("```", at + 1)
            code(lines[at + 1 : end], out)
            at = end + 1
        elif line.startswith("    ") and line.strip():
            end = at
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            code([one[4:] for one in "\n".join(lines[at:end]).rstrip().splitlines()], out)
            at = end
        elif line.startswith("#"):
            level = len(line) - len(line.lstrip("#")) + depth
            text = line.lstrip("#").strip()
            out.append((".SH " if level <= 1 else ".SS ") + quoted(text))
            at += 1
        elif line.startswith("|"):
            end = at
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            table(lines[at:end], out)
            at = end
        elif re.match(r"(- |\d+\. )", line):
            item, text = line.split(" ", 1)
            at += 1
            while at < len(lines) and re.match(r"  +\S", lines[at]):
                # A list within a list is one of its own below it.
                if re.match(r"  +- ", lines[at]):
                    break
                text += " " + lines[at].strip()
                at += 1
            mark = "\\(bu" if item == "-" else item
            out += [f".IP {mark} 4", inline(text)]
        elif re.match(r"  +- ", line):
            out += [".IP \\(bu 8", inline(line.strip()[2:])]
            at += 1
        elif not line.strip():
            if out and out[-1] != ".PP" and not out[-1].startswith((".SH", ".SS", ".IP", ".TH")):
                out.append(".PP")
            at += 1
        else:
            paragraph = []
            while at < len(lines) and lines[at].strip() and not re.match(r"(#|\||- |```)", lines[at]):
                paragraph.append(lines[at].strip())
                at += 1
            for part in " ".join(paragraph).split("<br>"):
                if part.strip():
                    out += [inline(part.strip()), ".br"]
            out.pop()


def main():
    version, date, directory = sys.argv[1:]
    with open(os.path.join(directory, "README.md"), encoding="utf-8") as file:
        index = file.read()
    pages = dict.fromkeys(re.findall(r"\]\((\w[\w-]*\.md)\)", index))
    out = [
        ".\\\" Made by scripts/man.py of " + directory,
        f'.TH NGX_HTTP_STS_MODULE 5 "{date}" "nginx\\-sts {escaped(version)}" "NGINX"',
        # Names are not to be divided, and lines may be of any length.
        ".ad l",
        ".nh",
        ".SH NAME",
        "ngx_http_sts_module \\- exchanges security tokens in NGINX",
    ]
    title, text = index.split("\n", 1)
    assert title.startswith("# "), f"{directory}/README.md has no title"
    # Pages, and where a directive stands, are of the web.
    text = text.split("\n## All directives\n")[0]
    text = re.sub(r"(?m)^\|.*\n", "", text)
    out.append(".SH DESCRIPTION")
    document(text, out, 0)
    for page in pages:
        with open(os.path.join(directory, page), encoding="utf-8") as file:
            text = file.read()
        # So is the list of contents.
        document(re.sub(r"(?m)^- \[[^]]*\]\(#[^)]*\)\n", "", text), out, 0)
    out += [
        ".SH SEE ALSO",
        ".BR nginx (8)",
    ]
    # roff has its own idea of an empty line.
    print("\n".join(line for line in "\n".join(out).splitlines() if line.strip()))


main()
