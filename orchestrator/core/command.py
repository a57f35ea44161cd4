"""One slot's command, put together from its template."""

from orchestrator.model.origin import Problem, Text
from orchestrator.model.plan import Command, Template
from orchestrator.model.playbook import Body, Guard, is_user_name
from orchestrator.steps import KINDS
from orchestrator.steps.kind import Render
from orchestrator.template import TemplateError


def put_together(template: Template, shell: Render, word: Render) -> Command:
    """The command that the step kind makes of its texts.

    shell: renders shell text, every value quoted for its place. word: renders one word, nothing quoted.
    """
    return Command(
        text=KINDS[template.body.kind].command(template.body.texts, shell=shell, word=word),
        cwd=word(template.cwd) if template.cwd else "",
        user=word(template.user) if template.user else "",
        env=tuple((name, word(text)) for name, text in template.env),
        guards=tuple((guard, word(text) if guard is Guard.CREATES else shell(text)) for guard, text in template.guards),
    )


def program(body: Body, text: str) -> str:
    """What is sent for a command's text: it, and what its kind puts around it, such as the file that goes with it."""
    return KINDS[body.kind].program(text, body.file)


def check_user(text: Text, name: str) -> None:
    """Raises TemplateError where what the text was rendered to is no user's name.

    An empty one least of all: it would mean the agent's own user, who may do everything.
    """
    if not is_user_name(name):
        problem = f"the user is rendered to {name[:40]!r}, which is no user's name"
        fix = "write at most 32 of a-z, 0-9, _, . and -, the first a letter or _"
        raise TemplateError(Problem(origin=text.origin, problem=problem, fix=fix))
