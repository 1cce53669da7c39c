//! A command as shells read it: where each command begins and ends, and which characters are operators.
//!
//! As with SQL, the requester states the language and may be wrong, and shells differ in the meaning of a backslash in
//! quotes. So a command is read in each way that can differ for it, and a pattern must match in all of them.

use std::ops::Range;

/// An operator is shown to patterns as the character this far up, in a private plane of Unicode. A command that
/// contains such a character itself is unclear before it gets here.
const MARKED: u32 = 0xF_0000;
/// Characters that are operators outside of quotes; `$` and `#` only in some places.
pub(super) const OPERATORS: [char; 11] = ['|', '&', ';', '<', '>', '(', ')', '`', '\n', '$', '#'];

/// Returns the character that represents an operator.
pub(super) fn marked(operator: char) -> char {
    char::from_u32(MARKED + u32::from(operator)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A command as one kind of shell reads it, with its operators marked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MarkedScript {
    /// The whole text.
    pub(super) whole: String,
    /// Its single commands, separated by `;`, `&`, `&&`, `||` and line ends.
    commands: Vec<Range<usize>>,
}

impl MarkedScript {
    /// Returns its single commands, without the white space around them.
    pub(super) fn commands(&self) -> impl Iterator<Item = &str> {
        let command = |range: &Range<usize>| self.whole.get(range.clone()).unwrap_or_default().trim_ascii();
        self.commands.iter().map(command).filter(|command| !command.is_empty())
    }

    /// Whether `matches` accepts the whole text, or each single command.
    pub(super) fn is_covered_by(&self, matches: impl Fn(&str) -> bool) -> bool {
        matches(&self.whole) || self.commands().next().is_some() && self.commands().all(&matches)
    }
}

/// How one kind of shell reads a command.
#[derive(Debug)]
struct Shell {
    /// Quotes hide operators.
    quotes: bool,
    /// A backslash escapes in single quotes.
    single_escapes: bool,
    /// A backslash escapes in double quotes.
    double_escapes: bool,
}

/// sh, dash, bash, ksh, zsh.
const POSIX: Shell = Shell { quotes: true, single_escapes: false, double_escapes: true };
const FISH: Shell = Shell { single_escapes: true, ..POSIX };
const CSH: Shell = Shell { double_escapes: false, ..POSIX };
/// Other programs that may execute commands, with quotes and escapes of their own: cmd.exe, PowerShell, other
/// languages.
const OTHER: Shell = Shell { quotes: false, single_escapes: false, double_escapes: false };

/// Reads a command as each kind of shell that can differ for it. Returns `None` if one of them finds it unterminated.
/// `posix` says that only Unix shells may execute it.
pub(super) fn read(command: &str, posix: bool) -> Option<Vec<MarkedScript>> {
    let escapes = command.contains('\\').then_some([&FISH, &CSH]);
    let others = (!posix).then_some(&OTHER);
    let shells = [&POSIX].into_iter().chain(escapes.into_iter().flatten()).chain(others);
    shells.map(|shell| ShellScanner::new(shell, command).read()).collect()
}

/// Whether a language (in lower case) is only executed by Unix shells, or without any shell.
pub(super) fn is_posix(language: &str) -> bool {
    matches!(
        language,
        "" | "argv"
            | "ash"
            | "bash"
            | "console"
            | "csh"
            | "dash"
            | "fish"
            | "ksh"
            | "posix"
            | "script"
            | "sh"
            | "shell"
            | "shell-script"
            | "shell-session"
            | "shellscript"
            | "tcsh"
            | "zsh"
    )
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    Single,
    Double,
    Comment,
}

struct ShellScanner<'a> {
    shell: &'static Shell,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    inside: Inside,
    whole: String,
    commands: Vec<Range<usize>>,
    /// Where the current command begins.
    begin: usize,
    last: char,
}

impl<'a> ShellScanner<'a> {
    fn new(shell: &'static Shell, command: &'a str) -> Self {
        let rest = command.chars().peekable();
        Self { shell, rest, inside: Inside::Code, whole: String::new(), commands: Vec::new(), begin: 0, last: '\n' }
    }

    fn read(mut self) -> Option<MarkedScript> {
        while let Some(c) = self.rest.next() {
            match self.inside {
                Inside::Code => self.code(c)?,
                Inside::Single => self.quoted(c, '\'', self.shell.single_escapes)?,
                Inside::Double => self.double(c)?,
                Inside::Comment => self.comment(c),
            }
            self.last = c;
        }
        self.end_command();
        let ended = matches!(self.inside, Inside::Code | Inside::Comment);
        ended.then_some(MarkedScript { whole: self.whole, commands: self.commands })
    }

    /// Reads a character outside of quotes.
    fn code(&mut self, c: char) -> Option<()> {
        match c {
            '\\' if self.shell.quotes => return self.escaped(c),
            '\'' if self.shell.quotes => self.inside = Inside::Single,
            '"' if self.shell.quotes => self.inside = Inside::Double,
            // A string with escapes or a translated one in some shells, a dollar before a plain string in others.
            '$' if self.shell.quotes && matches!(self.rest.peek(), Some('\'' | '"')) => return None,
            '$' if self.substitutes() => return self.operator(c),
            '#' if self.at_word() => {
                self.inside = Inside::Comment;
                return self.operator(c);
            }
            '$' | '#' => {}
            _ if OPERATORS.contains(&c) => return self.operator(c),
            _ => {}
        }
        self.whole.push(c);
        Some(())
    }

    /// Reads a character of a comment, which not every shell treats as a comment.
    fn comment(&mut self, c: char) {
        if c == '\n' {
            self.inside = Inside::Code;
        }
        if OPERATORS.contains(&c) {
            self.operator(c);
        } else {
            self.whole.push(c);
        }
    }

    fn double(&mut self, c: char) -> Option<()> {
        if c == '`' || c == '$' && self.substitutes() {
            self.whole.push(marked(c));
            return Some(());
        }
        self.quoted(c, '"', self.shell.double_escapes)
    }

    fn quoted(&mut self, c: char, end: char, escapes: bool) -> Option<()> {
        if c == '\\' && escapes {
            return self.escaped(c);
        }
        if c == end {
            self.inside = Inside::Code;
        }
        self.whole.push(c);
        Some(())
    }

    fn escaped(&mut self, backslash: char) -> Option<()> {
        self.whole.push(backslash);
        self.whole.push(self.rest.next()?);
        Some(())
    }

    fn operator(&mut self, c: char) -> Option<()> {
        let next = self.rest.peek().copied();
        let redirects = matches!(self.last, '<' | '>') || next == Some('>');
        let ends = match c {
            ';' | '\n' => true,
            '&' => !redirects && self.last != '|',
            '|' => self.last == '|' || next == Some('|'),
            _ => false,
        };
        if ends {
            self.end_command();
        }
        self.whole.push(marked(c));
        if ends {
            self.begin = self.whole.len();
        }
        Some(())
    }

    fn end_command(&mut self) {
        self.commands.push(self.begin..self.whole.len());
    }

    /// Whether a dollar begins a substitution: the output of a command, or a value that may be executed as one.
    fn substitutes(&mut self) -> bool {
        matches!(self.rest.peek(), Some('(' | '{' | '['))
    }

    fn at_word(&self) -> bool {
        self.last.is_whitespace() || matches!(self.last, '|' | '&' | ';' | '<' | '>' | '(' | ')')
    }
}
