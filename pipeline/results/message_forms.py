"""What is published about a run: one SNS message, in a form for each protocol (SNS API, Publish, `MessageStructure`).

    default                              the text: e-mail, and whatever has no form of its own
    sms                                  one line, in one SMS: as much as there is room for
    https                                a card in Slack or Teams, by AWS Chatbot's schema for custom notifications (now
                                         Amazon Q Developer in chat applications), which subscribes so
    sqs, lambda                          the facts as JSON, and the text among them

What is published is `{"subject", "body"}`; `body` is the JSON of all forms. Together they stay below the 256 KB that
SNS takes (`Message`) and a state may hold, since every text in them is cut (pipeline/results/messages.py).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.costs import telling as costs
from pipeline.message_text import LONGEST_SMS, in_sms, plain, shown
from pipeline.results import causes
from pipeline.results.failure_messages import how_to_resume, run_failed, what_is_safe
from pipeline.results.failures import Failure
from pipeline.results.messages import counted, run_finished

CHAT = "https"
FINISHED, FAILED = "run_finished", "run_failed"

_FACTS = ("sqs", "lambda")
# AWS tells no lengths. Slack shows 3,000 characters of a text, and nobody reads more of a card than this.
_LONGEST_TITLE, _LONGEST_LINE, _MOST_LINES = 150, 300, 12
_LABELS, _REASONS, _LONGEST_LABEL, _CAUSE_LINES = 5, 5, 100, 5


def finished(summary: Mapping[str, Any], execution_url: str | None) -> dict[str, str]:
    """What to publish about a run that succeeded; `summary` is summary.json, the URL the execution's in the console."""
    told = run_finished(summary)
    text = told["body"] + _link("The execution in the console", execution_url)
    labels = [{**row, "label": shown(row["label"], _LONGEST_LABEL)} for row in summary["top_labels"][:_LABELS]]
    cost = summary.get("cost") or {}
    facts = {
        "event": FINISHED,
        "run_id": summary["run_id"],
        "status": "SUCCEEDED",
        "model": summary["model"],
        "counts": summary["counts"],
        "rejected_by_reason": summary["rejected_by_reason"],
        "failed_by_error": summary["failed_by_error"],
        "top_labels": labels,
        "cost": {name: cost.get(name) for name in ("used_usd", "estimate_usd")} if cost else None,
        "results": summary["results"],
        "execution_arn": summary["execution_arn"],
        "execution_url": execution_url,
    }
    lines = [
        ", ".join(f"{count:,} {name}" for name, count in summary["counts"].items() if count),
        *_listed("Most frequent", ((row["label"], row["images"]) for row in labels)),
        *_listed("Rejected", list(summary["rejected_by_reason"].items())[:_REASONS]),
        *_listed("Failed", list(summary["failed_by_error"].items())[:_REASONS]),
        *([f"*Cost*: {costs.used_and_expected(cost)}"] if cost else []),
    ]
    steps = [f"The execution: {execution_url}"] if execution_url else []
    if summary["rejected_by_reason"]:
        steps.append(f"When rejected images are fixed: {_code('imagebatch replay ' + summary['run_id'])}")
    return _forms(told["subject"], text, _short(summary), facts, _card(told["subject"], lines, steps, facts))


def failed(failure: Failure, stack: str, execution_url: str | None) -> dict[str, str]:
    """What to publish about an execution that ended without success; `stack` is as in run_failed."""
    told = run_failed(failure, stack)
    text = told["body"] + _link("The execution in the console", execution_url)
    called = failure.run_id or failure.execution_name
    resume = how_to_resume(failure, stack)
    facts = {
        "event": FAILED,
        "run_id": failure.run_id,
        "status": failure.status,
        "stage": failure.stage.name.lower(),
        "error": shown(failure.error, _LONGEST_LINE) or None,
        "resume": resume,
        "execution_arn": failure.execution_arn,
        "execution_url": execution_url,
    }
    why = shown(failure.error, _LONGEST_LABEL) or ("stopped" if failure.status == "ABORTED" else "unknown error")
    short = f"imagebatch {failure.status}: {why}. " + (f"Go on: {resume}" if resume else called)
    cause = causes.readable(failure.cause).splitlines()[:_CAUSE_LINES]
    lines = [f"*{_escaped(why)}*", *map(_escaped, cause), f"*What is safe*: {_escaped(what_is_safe(failure))}"]
    steps = [f"When the cause is gone: {_code(resume)}"] if resume else []
    if execution_url:
        steps.append(f"The execution: {execution_url}")
    return _forms(told["subject"], text, short, facts, _card(told["subject"], lines, steps, facts))


def with_report(message: Mapping[str, str], uri: str, url: str | None) -> dict[str, str]:
    """What `finished` made, and where the report is: its S3 URI, and its page in the console where there is one."""
    forms = json.loads(message["body"])
    told = "".join(f"  {line}\n" for line in (uri, url) if line)
    forms["default"] += f"\nA report to look through\n{told}"
    facts = {**json.loads(forms[_FACTS[0]]), "report": uri, "report_url": url, "text": forms["default"]}
    card = json.loads(forms[CHAT])
    card["content"].setdefault("nextSteps", []).insert(0, f"The report: {url or _code(uri)}")
    forms |= {**dict.fromkeys(_FACTS, _json(facts)), CHAT: _json(card)}
    return {"subject": message["subject"], "body": _json(forms)}


def _short(summary: Mapping[str, Any]) -> str:
    """What fits into one SMS: the counts, and of the rest what still has room, the most important first."""
    text = counted(summary)
    rejected, cost = summary["rejected_by_reason"], summary.get("cost") or {}
    more = [
        f"Worst: {next(iter(rejected))}" if rejected else "",
        f"Cost {costs.usd(cost['used_usd'])}" if cost.get("used_usd") is not None else "",
        f"Most: {plain(summary['top_labels'][0]['label'], _LONGEST_LABEL)}" if summary["top_labels"] else "",
    ]
    for sentence in filter(None, more):
        if len(text) + len(sentence) + 2 <= LONGEST_SMS:
            text = f"{text}. {sentence}"
    return text


def _forms(subject: str, text: str, short: str, facts: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, str]:
    document = _json({**facts, "subject": subject, "text": text})
    forms = {
        "default": text,
        "sms": in_sms(short, LONGEST_SMS),
        **dict.fromkeys(_FACTS, document),
        CHAT: _json(card),
    }
    return {"subject": subject, "body": _json(forms)}


def _card(subject: str, lines: Sequence[str], steps: Sequence[str], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Source: "Custom notifications using Amazon Q Developer in chat applications", its Administrator Guide.

    What belongs to a run is one thread of the channel.
    """
    about = {name: str(facts[name]) for name in ("status", "run_id", "error") if facts.get(name)}
    content = {
        "textType": "client-markdown",
        "title": shown(_escaped(subject), _LONGEST_TITLE),
        "description": "\n".join(shown(line, _LONGEST_LINE) for line in lines[:_MOST_LINES] if line),
        "keywords": ["imagebatch", str(facts["status"])],
    }
    if steps:
        content["nextSteps"] = list(steps)
    return {
        "version": "1.0",
        "source": "custom",
        "content": content,
        "metadata": {
            "threadId": str(facts["run_id"] or facts["execution_arn"].rpartition(":")[2]),
            "summary": subject,
            "eventType": str(facts["event"]),
            "relatedResources": [facts["execution_arn"]],
            "additionalContext": about,
        },
    }


def _listed(title: str, rows: Iterable[tuple[str, int]]) -> list[str]:
    told = ", ".join(f"{_code(name)} {count:,}" for name, count in rows)
    return [f"*{title}*: {told}"] if told else []


def _code(text: str) -> str:
    """Other people's text, which is no markup and calls nobody: `<!channel>` would."""
    return f"`{_escaped(shown(text, 80)).replace('`', chr(39))}`"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _link(title: str, url: str | None) -> str:
    return f"\n{title}\n  {url}\n" if url else ""


def _json(document: Mapping[str, Any]) -> str:
    """As it prints, since ASCII would be twice as long. What a queue refuses, U+FFFE for one, is escaped by now."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False)
