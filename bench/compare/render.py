"""Blocks of a document as Markdown and as one HTML file. A block is a tuple: what it is, and

    "heading", level, text      "text", text        "list", items       "table", head, lines
    "code", text                "picture", title, file beside the page, SVG: each rendering has its own

Texts are Markdown as far as `code`, **strong** and [links](target) go."""
import html
import re

STYLE = """body{font:15px sans-serif;max-width:72em;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{padding:.25em .7em;text-align:left;
border-bottom:1px solid #ddd}th{background:#f3f3f3}.met{color:#060}.missed{color:#a00}
svg{vertical-align:middle}"""
NOT_RUN = ("<!-- not run: it takes hours, and a machine that does nothing else; "
           "tests/flow/test_compare.py runs it small -->\n")


def rows(head, lines):
    """A table in Markdown."""
    made = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    made += ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join(made) + "\n"


def bullets(lines):
    return "".join(f"- {line}\n" for line in lines)


def anchor(heading):
    """What stands behind the # of a link to a heading in Markdown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def picture(title, file, _):
    return f"![{title}]({file})\n" if file else ""


MARKDOWN = {
    "heading": lambda level, text: f"{'#' * level} {text}\n",
    "text": lambda text: text.strip() + "\n",
    "list": bullets,
    "table": rows,
    "code": lambda text: f"{NOT_RUN}```console\n{text}```\n",
    "picture": picture,
}


def markdown(blocks):
    made = (MARKDOWN[kind](*block) for kind, *block in blocks)
    return "\n".join(block for block in made if block)


def inline(text):
    """A text with its marks; links go nowhere, as a report stands alone."""
    text = html.escape(text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", text)


def cells(tag, line, kind=""):
    made = "".join(f"<{tag}>{inline(str(cell))}</{tag}>" for cell in line)
    return (f'<tr class="{kind}">' if kind else "<tr>") + made + "</tr>"


def html_table(head, lines):
    made = cells("th", head) if any(head) else ""
    for line in lines:
        verdict = line[-1].split(" ")[0]
        made += cells("td", line, verdict if verdict in ("met", "missed") else "")
    return f"<table>{made}</table>"


HTML = {
    "heading": lambda level, text: f"<h{level}>{inline(text)}</h{level}>",
    "text": lambda text: "".join(f"<p>{inline(part)}</p>" for part in text.strip().split("\n\n")),
    "list": lambda lines: "<ul>" + "".join(f"<li>{inline(line)}</li>" for line in lines) + "</ul>",
    "table": html_table,
    "code": lambda text: f"<pre>{html.escape(text)}</pre>",
    "picture": lambda title, _, svg: svg,
}


def page(title, blocks):
    """One HTML file, no script, nothing from elsewhere."""
    body = "\n".join(HTML[kind](*block) for kind, *block in blocks)
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f"<style>{STYLE}</style>\n{body}</html>\n")
