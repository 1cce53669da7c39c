//! A command as shells read it: where one command ends and the next begins, and which characters a shell acts on.
//!
//! As with SQL, who asks says what language a command is in and may be wrong, and shells differ in what a backslash does in
//! quotes. A command is read in each way that can differ for it, and what any reading sees counts.

use std::ops::Range;

/// Operators are shown to patterns as the character this far up, in a private plane of Unicode. A command that holds one of
/// those characters itself is unclear before it gets here.
const MARKED: u32 = 0xF_0000;
/// What a shell acts on outside of quotes. `$` and `#` are operators in some places only.
pub(super) const OPERATORS: [char; 11] = ['|', '&', ';', '<', '>', '(', ')', '`', '\n', '$', '#'];

/// The character that stands for an operator.
pub(super) fn marked(operator: char) -> char {
    char::from_u32(MARKED + u32::from(operator)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A command in one reading, its operators marked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// All of it.
    pub(super) whole: String,
    /// Where its commands are: what `;`, `&`, `&&`, `||` and line ends lie between.
    commands: Vec<Range<usize>>,
}

impl Line {
    /// Its commands, without the white space around them.
    pub(super) fn commands(&self) -> impl Iterator<Item = &str> {
        let command = |range: &Range<usize>| self.whole.get(range.clone()).unwrap_or_default().trim_ascii();
        self.commands.iter().map(command).filter(|command| !command.is_empty())
    }

    /// Whether a pattern matches all of it at once, or each of its commands.
    pub(super) fn is_covered_by(&self, matches: impl Fn(&str) -> bool) -> bool {
        matches(&self.whole) || self.commands().next().is_some() && self.commands().all(&matches)
    }
}

/// One way to read.
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
/// Whatever else may run commands, with quotes and escapes of its own: cmd.exe, PowerShell, other languages.
const OTHER: Shell = Shell { quotes: false, single_escapes: false, double_escapes: false };

/// A command in every reading that can differ for it; nothing when one of them comes to no end. `posix` says that only shells
/// of Unix may run it.
pub(super) fn read(command: &str, posix: bool) -> Option<Vec<Line>> {
    let escapes = command.contains('\\').then_some([&FISH, &CSH]);
    let others = (!posix).then_some(&OTHER);
    let shells = [&POSIX].into_iter().chain(escapes.into_iter().flatten()).chain(others);
    shells.map(|shell| Scanner::new(shell, command).read()).collect()
}

/// Whether a language, in lower case, is run by nothing but shells of Unix, or without any shell.
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

struct Scanner<'a> {
    shell: &'static Shell,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    inside: Inside,
    whole: String,
    commands: Vec<Range<usize>>,
    /// Where the command that is being read begins.
    begin: usize,
    last: char,
}

impl<'a> Scanner<'a> {
    fn new(shell: &'static Shell, command: &'a str) -> Self {
        let rest = command.chars().peekable();
        Self { shell, rest, inside: Inside::Code, whole: String::new(), commands: Vec::new(), begin: 0, last: '\n' }
    }

    fn read(mut self) -> Option<Line> {
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
        ended.then_some(Line { whole: self.whole, commands: self.commands })
    }

    /// A character outside of quotes.
    fn code(&mut self, c: char) -> Option<()> {
        match c {
            '\\' if self.shell.quotes => return self.escaped(c),
            '\'' if self.shell.quotes => self.inside = Inside::Single,
            '"' if self.shell.quotes => self.inside = Inside::Double,
            // A string with escapes or translated in some shells, a dollar before a plain string in others.
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

    /// A character of a comment, which not every shell takes for one.
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

    /// Whether a dollar here puts something else in its place: the output of a command, a value that may be run as one.
    fn substitutes(&mut self) -> bool {
        matches!(self.rest.peek(), Some('(' | '{' | '['))
    }

    fn at_word(&self) -> bool {
        self.last.is_whitespace() || matches!(self.last, '|' | '&' | ';' | '<' | '>' | '(' | ')')
    }
}
