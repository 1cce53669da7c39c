//! Where strings, comments, numbers and variables end, and the values of strings.

/// The meaning of a backslash in a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// Nothing.
    None,
    /// Escapes a quote or a letter.
    Simple,
    /// Also begins the code of a character.
    Extended,
}

/// Returns the quote that opens a string, three times if the string is triple-quoted.
pub(super) fn opening(text: &str, quote: char, triple: bool) -> &str {
    let length = if triple && text.chars().take(3).filter(|c| *c == quote).count() == 3 { 3 } else { 1 };
    text.get(..length).unwrap_or_default()
}

/// Returns the length of a text up to the mark that ends it.
pub(super) fn quoted_end(text: &str, mark: &str, backslash: bool, doubled: bool) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let found = rest.find(|c| c == '\\' && backslash || mark.starts_with(c))?;
        at += found;
        let rest = text.get(at..)?;
        if let Some(escaped) = rest.strip_prefix('\\').filter(|_| backslash) {
            at += 1 + escaped.chars().next()?.len_utf8();
        } else if let Some(after) = rest.strip_prefix(mark) {
            if !(doubled && after.starts_with(mark)) {
                return Some(at);
            }
            at += 2 * mark.len();
        } else {
            at += 1;
        }
    }
}

/// Returns the value of a quoted text.
pub(super) fn unescaped(raw: &str, mark: &str, escapes: Escapes) -> String {
    let raw = if mark.len() == 1 && raw.contains(mark) { raw.replace(&mark.repeat(2), mark) } else { raw.to_owned() };
    if escapes == Escapes::None || !raw.contains('\\') {
        return raw;
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw.as_str();
    while let Some((before, from)) = rest.split_once('\\') {
        value.push_str(before);
        let Some(c) = from.chars().next() else { break };
        let (escaped, length) =
            coded(from, c).filter(|_| escapes == Escapes::Extended).unwrap_or((simple(c), c.len_utf8()));
        value.push(escaped);
        rest = from.get(length..).unwrap_or_default();
    }
    value.push_str(rest);
    value
}

const fn simple(c: char) -> char {
    match c {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        other => other,
    }
}

/// A character given by its code, and the length of the code: `\x41`, `\101`, `\u0041`, `\U00000041`.
fn coded(text: &str, kind: char) -> Option<(char, usize)> {
    let (prefix, radix, most) = match kind {
        'x' => (1, 16, 2),
        'u' => (1, 16, 4),
        'U' => (1, 16, 8),
        '0'..='7' => (0, 8, 3),
        _ => return None,
    };
    let digits = text.get(prefix..)?;
    let length = digits.chars().take(most).take_while(|c| c.is_digit(radix)).count();
    let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
    Some((char::from_u32(code)?, prefix + length))
}

/// Returns the escape character of `U&'…'`: the one after `UESCAPE '!'`, or a backslash.
pub(super) fn unicode_escape(after: &str) -> char {
    let named = after.trim_start().split_at_checked(7).filter(|(word, _)| word.eq_ignore_ascii_case("uescape"));
    named.and_then(|(_, from)| from.trim_start().strip_prefix('\'')?.chars().next()).unwrap_or('\\')
}

/// Returns the value of `U&'…'`: `\0061`, `\+000061`, `\\`.
pub(super) fn unicode_unescaped(inside: &str, escape: char) -> String {
    let mut value = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some((before, from)) = rest.split_once(escape) {
        value.push_str(before);
        let (sign, digits) = from.strip_prefix('+').map_or((0, from), |digits| (1, digits));
        let length = if sign == 1 { 6 } else { 4 };
        let code =
            digits.get(..length).and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        if let Some(c) = code {
            value.push(c);
            rest = from.get(sign + length..).unwrap_or_default();
        } else {
            value.push(escape);
            rest = from.strip_prefix(escape).unwrap_or(from);
        }
    }
    value.push_str(rest);
    value
}

/// Returns the length of a comment after its mark, including the mark that ends it. Comments may nest up to the depth
/// `most`.
pub(super) fn comment_end(text: &str, most: usize) -> Option<usize> {
    let (mut at, mut depth) = (0, 0);
    loop {
        at += text.get(at..)?.find(['/', '*'])?;
        let rest = text.get(at..)?;
        if rest.starts_with("*/") {
            at += 2;
            if depth == 0 {
                return Some(at);
            }
            depth -= 1;
        } else if rest.starts_with("/*") && depth < most {
            (at, depth) = (at + 2, depth + 1);
        } else {
            at += 1;
        }
    }
}

/// Returns `$tag$` or `$$` if a text begins so in PostgreSQL: a tag is a word of any letters, without `$`.
pub(super) fn dollar_tag(text: &str) -> Option<&str> {
    let tag = text.strip_prefix('$')?.split('$').next()?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    let is_tag = tag.chars().all(is_word) && !tag.starts_with(|c: char| c.is_ascii_digit());
    text.get(..tag.len() + 2).filter(|_| is_tag)
}

/// Returns the length of a number. SQL Server ends one after an `e` without digits.
pub(super) fn number(text: &str, bare_exponent: bool) -> usize {
    let digits = |from: usize| text.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    if text.starts_with("0x") || text.starts_with("0X") {
        return 2 + text.bytes().skip(2).take_while(u8::is_ascii_hexdigit).count();
    }
    let mut length = digits(0);
    let rest = |from: usize| text.get(from..).unwrap_or_default();
    if rest(length).starts_with('.') && !rest(length).starts_with("..") {
        length += 1 + digits(length + 1);
    }
    if rest(length).starts_with(['e', 'E']) {
        let sign = usize::from(rest(length + 1).starts_with(['+', '-']));
        match digits(length + 1 + sign) {
            0 => length += usize::from(bare_exponent),
            exponent => length += 1 + sign + exponent,
        }
    }
    length
}

/// Returns the length of a SQLite variable with a suffix in parentheses: `$name::part(…)`, also with `@`, `:` and `#`.
pub(super) fn variable(text: &str) -> Option<usize> {
    let mut letters = 0;
    let mut at = 1;
    loop {
        let rest = text.get(at..)?;
        let c = rest.chars().next()?;
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii() {
            (at, letters) = (at + c.len_utf8(), letters + 1);
        } else if rest.starts_with("::") {
            at += 2;
        } else if c == '(' && letters > 0 {
            let end = rest.find(|c: char| c == ')' || c.is_ascii_whitespace())?;
            return rest.get(end..)?.starts_with(')').then_some(at + end + 1);
        } else {
            return None;
        }
    }
}
