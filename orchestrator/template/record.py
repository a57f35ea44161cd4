"""The commands that a lexer finds: it says where words and commands end, and this puts them together."""

from dataclasses import dataclass

from orchestrator.template.commands import OPENERS, Command, Document, Pipeline, Word


@dataclass(slots=True)
class _Level:
    """A list of commands: the script's, or that of a $(...). word: the one being read, None between words.

    redirect: the operator that the next word belongs to; '' for none.
    """

    pipeline: Pipeline
    command: Command
    word: Word | None = None
    redirect: str = ""


class Record:
    """values: how many there were so far. pipelines: those that are whole."""

    def __init__(self) -> None:
        self.values = 0
        self.pipelines: list[Pipeline] = []
        self._levels = [self._level()]

    @property
    def word(self) -> Word | None:
        """The word that is being read."""
        return self._levels[-1].word

    @property
    def command(self) -> Command:
        """The command that is being read."""
        return self._levels[-1].command

    def open_word(self) -> Word:
        """The word that is being read, begun where there is none."""
        level = self._levels[-1]
        level.word = level.word or Word()
        return level.word

    def redirect(self, operator: str) -> None:
        """The next word is where a redirection goes, or, after <<<, what stands on stdin."""
        self._levels[-1].redirect = operator

    def end_word(self, *, number: bool) -> None:
        """The word is over; number: a redirection follows, so that digits are its descriptor."""
        level = self._levels[-1]
        word, level.word = level.word, None
        operator, level.redirect = level.redirect, ""
        if word is None or (number and word.bare.isdigit()):
            return
        if operator == "<<<":
            level.command.documents.append(Document(word.text, word.values, word.printed))
        elif not operator:
            level.command.words.append(word)

    def end_command(self, *, piped: bool, opens: bool = False, line: bool = False) -> None:
        """The command is over. piped: the next one reads what it prints. opens: a ( follows. line: its line is over."""
        level = self._levels[-1]
        level.redirect = ""
        pipeline, command = level.pipeline, level.command
        if not command.words and not command.documents and pipeline.commands and (opens or line) and not piped:
            pipeline.compound |= opens  # `... | (sh)`, or the rest of the pipeline is on the next line
            return
        if pipeline.commands and command.words and command.words[0].bare in OPENERS:
            pipeline.compound = True
        pipeline.commands.append(command)
        level.command = Command(first=self.values)
        if not piped and not pipeline.compound:
            self.pipelines.append(pipeline)
            level.pipeline = Pipeline(level=pipeline.level)

    def enter(self) -> None:
        """A $( begins."""
        self._levels.append(self._level())

    def leave(self) -> None:
        """Its ) was read: what it prints is part of the word around it."""
        first = self._levels[-1].pipeline.level
        self._finish()
        if self.word:
            self.word.printed += range(first, self.values)

    def finish(self) -> None:
        """The text is over, whatever was open."""
        while self._levels:
            self._finish()

    def _level(self) -> _Level:
        return _Level(pipeline=Pipeline(level=self.values), command=Command(first=self.values))

    def _finish(self) -> None:
        self.end_word(number=False)
        level = self._levels.pop()
        level.pipeline.commands.append(level.command)
        self.pipelines.append(level.pipeline)
