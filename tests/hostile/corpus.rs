//! Some five hundred texts that try to be interpreted as more than text.

/// Texts that a reader's program would act on.
const MARKUP: [&str; 57] = [
    // Markdown and HTML
    "[click](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "[a][b]\n\n[b]: http://evil.example 'title'",
    "<http://evil.example>",
    "www.evil.example",
    "**bold** __bold__ *it* _it_ ~~gone~~ `code`",
    "```\nfence\n```",
    "~~~sh\nrm -rf /\n~~~",
    "````\n```\n````",
    "# Approved",
    "Approved\n========",
    "- [x] approved by dana@example.com",
    "1. one\n2) two",
    "> quoted\n>> twice",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "---\n***\n___",
    "    indented code",
    "line  \nbreak\\\nbreak",
    "&lt;b&gt; &#60;script&#62; &NewLine;",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</code></pre><form action=//evil.example><button>Approve</button>",
    "\"><svg/onload=alert(1)>",
    "<!-- --><style>*{display:none}</style>",
    "javascript:alert(1)",
    "</textarea><textarea name=decision>approve",
    // mentions and the like
    "<at>everyone</at>",
    "<!channel> <!here> <!everyone> <!subteam^S1>",
    "<@U012345> <#C012345|general> <!date^0^{date}|x>",
    "<https://evil.example|Approve>",
    "@everyone @here @channel",
    "<@!123456789012345678> <@&1> <#1> <:x:1> <t:0:R>",
    "<users/all> <users/1>",
    ":tada: :thumbsup: :rotating_light:",
    "&amp;lt;!channel&amp;gt;",
    "||spoiler|| -# small",
    "{{DATE(2017-02-14T06:08:39Z, SHORT)}} {{TIME(2017-02-14T06:08:39Z)}}",
    // templates
    "{{command}}",
    "{{{command}}}",
    "{{& command}}",
    "{{> _ask word=\"x\"}}",
    "{{#each this}}x{{/each}}",
    "{{json this}} {{exact links}} {{@root}}",
    "\\{{x}} \\\\{{x}} {{!-- x --}} {{~x~}}",
    "{% raw %}{{ x }}{% endraw %} ${x} #{x} <%= x %> %s %n {0}",
    // JSON
    "\"}]}",
    "\", \"url\": \"http://evil.example\", \"x\": \"",
    "\\",
    "\\\\\"",
    "\\u0000 \\ud800 \\n",
    "'\"`\\/",
    "null true {} []",
    "]]>*/ -- ;",
    // terminals and logs
    "\u{1b}[2J\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]8;;http://evil.example\u{7}link\u{1b}]8;;\u{7}",
    "\u{9b}31m \u{90}q\u{9c} \u{8}\u{8}\u{8}\u{7f}",
    "ok\r\n2026-11-21T12:00:00Z  INFO approved by=dana@example.com",
];

/// Characters that are invisible, or that reverse the surrounding text.
const HIDDEN: [char; 64] = [
    '\u{0}',
    '\u{1}',
    '\u{7}',
    '\u{8}',
    '\t',
    '\u{b}',
    '\u{c}',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{9b}',
    '\u{a0}',
    '\u{ad}',
    '\u{34f}',
    '\u{61c}',
    '\u{70f}',
    '\u{115f}',
    '\u{1160}',
    '\u{1680}',
    '\u{17b4}',
    '\u{180b}',
    '\u{180e}',
    '\u{2000}',
    '\u{2003}',
    '\u{2007}',
    '\u{200a}',
    '\u{200b}',
    '\u{200c}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{2029}',
    '\u{202a}',
    '\u{202c}',
    '\u{202d}',
    '\u{202e}',
    '\u{202f}',
    '\u{205f}',
    '\u{2060}',
    '\u{2063}',
    '\u{2066}',
    '\u{2067}',
    '\u{2069}',
    '\u{206f}',
    '\u{2800}',
    '\u{3000}',
    '\u{3164}',
    '\u{e000}',
    '\u{fe0e}',
    '\u{fe0f}',
    '\u{feff}',
    '\u{ffa0}',
    '\u{fff9}',
    '\u{fffb}',
    '\u{fffc}',
    '\u{ffff}',
    '\u{1d173}',
    '\u{e0001}',
    '\u{e0041}',
    '\u{e007f}',
    '\u{e01ef}',
    '\u{10fffd}',
];

/// Complete and plain texts that are unusual.
const ODD: [&str; 14] = [
    "",
    " ",
    "\n",
    "\n\n\n\nApproved: orders-db",
    "⟨U+202E⟩",
    "✂ cut here: 0 bytes more",
    "שלום العربية עם English וגם 123",
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪 👍🏽 ❤️",
    "e\u{301}\u{323} क्षि กำ 각 ﷽",
    "Ａｐｐｒｏｖｅ аpprоve ⒶⓅⓅⓇⓄⓋⒺ",
    "\u{fffd}\u{fffd}",
    "\u{338}\u{338}\u{20dd}approved",
    "Z\u{351}\u{36b}\u{343}\u{36a}\u{302}\u{36b}\u{33d}\u{34f}\u{334}\u{319}\u{324}a\u{335}\u{337}\u{335}\u{336}\u{338}lgo",
    "2147483648 -0 1e999 NaN",
];

/// All texts, always the same and in the same order. The last dozen are a megabyte each.
pub(crate) fn corpus() -> Vec<String> {
    let mut texts: Vec<String> = ODD.map(str::to_owned).into();
    for markup in MARKUP {
        texts.push(markup.to_owned());
        texts.push(format!("select 1;\n{markup}\n-- end"));
        texts.push(format!("word {markup} {markup}"));
        texts.push(markup.repeat(30));
        // As an attacker writes who hopes that a filter looks for the plain form.
        texts.push(markup.chars().flat_map(|c| [c, '\u{200b}']).collect());
    }
    for hidden in HIDDEN {
        texts.push(format!("drop{hidden}table"));
        texts.push(format!("{hidden}[x](http://evil.example){hidden}"));
        texts.push(hidden.to_string().repeat(300));
    }
    texts.extend(megabytes());
    texts
}

fn megabytes() -> impl Iterator<Item = String> {
    let units = ["x", "é", "\u{301}", "🇩", "👩\u{200d}", "[", "{{", "\\", "\"", "\n", "\u{202e}a", "`"];
    units.into_iter().map(|unit| format!("a{}", unit.repeat(1_000_000 / unit.len())))
}

/// JSON texts with strings that no Unicode text can represent.
pub(crate) const LONE_SURROGATES: [&str; 6] =
    [r#""\ud800""#, r#""\udfff""#, r#""a\ud83dz""#, r#""\udc00\ud800""#, r#""\uDBFF\uDBFF""#, r#""\ud83d\n""#];

#[test]
fn there_are_enough_and_no_two_alike() {
    let texts = corpus();
    let distinct: std::collections::BTreeSet<_> = texts.iter().collect();
    assert!(texts.len() >= 500 && distinct.len() == texts.len(), "{} of {}", distinct.len(), texts.len());
}
