//! Rules made ready to judge with, and the judging.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::super::{Payload, RuleName, Slot};
use super::functions;
use super::pattern::Pattern;
use super::rule::{self, Effect, Guardrail, InvalidGuardrail, MAX_RULES};
use super::shell::{self, Line};
use super::sql::{self, Reading};
use super::statement::Statement;
use super::words;

/// Most findings of one judgement.
const MAX_FINDINGS: usize = 50;
/// Characters of a finding's statement.
const FINDING_LENGTH: usize = 200;

/// The rules of a resource, compiled. Make them once and keep them.
#[derive(Debug, Clone)]
pub struct Guardrails {
    pub(super) rules: Vec<Rule>,
    /// Entries of `statements` by their first word: the rule's number and the other words.
    entries: HashMap<String, Vec<(usize, Vec<String>)>>,
}

/// One rule, compiled.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) spec: Guardrail,
    pattern: Option<Pattern>,
    /// Functions that it lets statements call: those that it lists, and those that its words or its pattern spell.
    functions: HashSet<String>,
}

/// What the rules say about a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// What may happen to it.
    pub verdict: Ruling,
    /// Which rule decided which of its statements, to explain the verdict: at most 50.
    pub findings: Vec<Finding>,
    /// It could not be read to the end in every way that a database might read it, so no rule could allow it.
    pub unclear: bool,
    /// It is no SQL, so that only its raw text could be allowed.
    pub foreign: bool,
}

/// What may happen to a command before anybody is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Ruling {
    /// It must not run.
    Denied {
        /// Which rule says so.
        rule: RuleName,
        /// What the rule wants told.
        reason: Option<String>,
    },
    /// It may run without asking.
    Allowed {
        /// Which rule says so, of its first statement.
        rule: RuleName,
    },
    /// People must be asked.
    Ask {
        /// The rules of effect `require` that matched.
        rules: Vec<RuleName>,
        /// What they need beyond the policy, one slot a group. With the policy's slots it may be more than a policy may hold.
        slots: Vec<Slot>,
    },
}

/// What decided a statement.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Finding {
    /// The statement as rules see it, cut to 200 characters.
    pub statement: String,
    /// The rule that decided it, if any.
    pub rule: Option<RuleName>,
    /// What that rule does.
    pub effect: Option<Effect>,
    /// The functions that it calls and that are not known to be harmless, when no rule decided it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_functions: Vec<String>,
}

/// A command as the rules are asked about it.
pub(super) struct Case {
    pub(super) reading: Reading,
    /// Per rule, whether its conditions on language and context hold.
    holds: Vec<bool>,
    /// Per rule, whether its pattern matches the raw command: for `allow`, all of it as shells read it.
    raw: Vec<bool>,
    /// The commands that a shell reads in it, without white space.
    shell_commands: HashSet<String>,
}

impl Rule {
    fn lets_call(&self, function: &str) -> bool {
        self.functions.contains(function) || self.functions.contains("*")
    }
}

impl Guardrails {
    /// Compiles rules.
    ///
    /// # Errors
    /// The first thing found that cannot be meant.
    pub fn compile(guardrails: &[Guardrail]) -> Result<Self, InvalidGuardrail> {
        if guardrails.len() > MAX_RULES {
            return Err(InvalidGuardrail::TooManyRules);
        }
        let mut names = HashSet::new();
        let mut rules = Vec::with_capacity(guardrails.len());
        let mut entries: HashMap<String, Vec<_>> = HashMap::new();
        for (number, spec) in guardrails.iter().enumerate() {
            if !names.insert(&spec.name) {
                return Err(InvalidGuardrail::NameTwice(spec.name.clone()));
            }
            spec.check()?;
            for entry in &spec.statements {
                let mut words = sql::words_of_entry(entry).unwrap_or_default().into_iter();
                let first = words
                    .next()
                    .ok_or_else(|| InvalidGuardrail::Statement { rule: spec.name.clone(), entry: entry.clone() })?;
                entries.entry(first).or_default().push((number, words.collect()));
            }
            rules.push(Rule {
                pattern: Pattern::compile(spec)?,
                functions: functions::named_by(spec),
                spec: spec.clone(),
            });
        }
        Ok(Self { rules, entries })
    }

    /// Whether there are no rules at all.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many bytes of a payload are read to judge it: its command, and the words of the program that runs it.
    pub fn length(payload: &Payload) -> usize {
        payload.command.len() + argv(payload).iter().map(|word| word.len()).sum::<usize>()
    }

    /// Says what may happen to a command.
    pub fn judge(&self, payload: &Payload) -> Judgement {
        self.judge_by(payload, 0..self.rules.len())
    }

    /// The judgement of some of the rules.
    pub(super) fn judge_by(&self, payload: &Payload, among: Range<usize>) -> Judgement {
        if among.is_empty() {
            let verdict = Ruling::Ask { rules: Vec::new(), slots: Vec::new() };
            return Judgement { verdict, findings: Vec::new(), unclear: false, foreign: false };
        }
        let case = self.case(payload);
        let mut tally = Tally { all_allowed: !case.reading.unclear, ..Tally::default() };
        let mut findings = Findings::default();
        for statement in &case.reading.statements {
            let deciding = self.deciding(&case, statement, among.clone());
            if !(statement.rough && deciding.is_empty()) {
                findings.add(statement, deciding.first().and_then(|number| self.rules.get(*number)));
            }
            let effects = deciding.iter().filter_map(|number| Some((*number, self.rules.get(*number)?.spec.effect)));
            tally.count(effects, statement.rough);
        }
        let Reading { unclear, foreign, .. } = case.reading;
        Judgement { verdict: self.ruling(&tally), findings: findings.list, unclear, foreign }
    }

    pub(super) fn case(&self, payload: &Payload) -> Case {
        let language = payload.language.as_deref().map(str::to_lowercase);
        let context = payload.context.as_ref();
        let holds = |rule: &Rule| {
            let spec = &rule.spec;
            let spoken = language.as_ref();
            (spec.languages.is_empty() || spec.languages.iter().any(|one| Some(&one.to_lowercase()) == spoken))
                && spec.context.iter().all(|(pointer, wanted)| rule::holds(context, pointer, wanted))
        };
        let reading = sql::read(&payload.command, payload.language.as_deref(), &argv(payload));
        let command = payload.command.trim();
        let lines = if reading.foreign && !reading.unclear {
            shell::read(
                command,
                language.as_deref().is_none_or(|language| shell::is_posix(language) || words::is_sql(language)),
            )
        } else {
            None
        };
        let lines = lines.unwrap_or_default();
        let raw = |rule: &Rule| {
            let allows = rule.spec.effect == Effect::Allow;
            let matches = |pattern: &Pattern| {
                if allows { pattern.covers(&lines) } else { pattern.is_match(&payload.command) }
            };
            !command.is_empty() && rule.pattern.as_ref().is_some_and(matches)
        };
        let raw = self.rules.iter().map(raw).collect();
        let shell_commands = lines.iter().flat_map(Line::commands).map(without_space).collect();
        Case { reading, holds: self.rules.iter().map(holds).collect(), raw, shell_commands }
    }

    /// The rules that decide a statement: the first that matches, or of rough words all that matter.
    pub(super) fn deciding(&self, case: &Case, statement: &Statement, among: Range<usize>) -> Vec<usize> {
        let named = self.named(statement);
        let matches = |number: &usize| {
            let Some(rule) = self.rules.get(*number) else { return false };
            case.holds.get(*number) == Some(&true) && self.matches(case, statement, *number, rule, named)
        };
        let mut matching = among.filter(matches);
        if !statement.rough {
            return matching.next().into_iter().collect();
        }
        // Several statements may be in one heap of words: a milder rule must not hide a stricter one.
        let matching: Vec<usize> = matching.collect();
        let denies = |number: &usize| self.rules.get(*number).is_some_and(|rule| rule.spec.effect == Effect::Deny);
        match matching.iter().find(|number| denies(number)) {
            Some(denying) => vec![*denying],
            None => matching,
        }
    }

    /// A bit per rule whose words are somewhere in a statement.
    fn named(&self, statement: &Statement) -> u128 {
        let mut named = 0;
        for at in 0..statement.words.len() {
            for (number, _) in self.entries_at(&statement.words, at) {
                named |= 1 << number;
            }
        }
        named
    }

    fn entries_at<'a>(
        &'a self,
        words: &'a [String],
        at: usize,
    ) -> impl Iterator<Item = &'a (usize, Vec<String>)> + use<'a> {
        let entries = words.get(at).and_then(|first| self.entries.get(first)).map_or(&[][..], Vec::as_slice);
        let following = words.get(at + 1..).unwrap_or_default();
        entries.iter().filter(move |(_, rest)| following.starts_with(rest))
    }

    fn matches(&self, case: &Case, statement: &Statement, number: usize, rule: &Rule, named: u128) -> bool {
        let in_raw = case.raw.get(number) == Some(&true);
        if rule.spec.effect == Effect::Allow {
            return !case.reading.unclear && !statement.rough && self.allows(case, statement, number, rule, in_raw);
        }
        (rule.spec.statements.is_empty() || named & (1 << number) != 0)
            && rule
                .pattern
                .as_ref()
                .is_none_or(|pattern| in_raw || !statement.words.is_empty() && pattern.is_match(&statement.text))
    }

    /// An allowing rule must cover every part that could be a statement of its own.
    fn allows(&self, case: &Case, statement: &Statement, number: usize, rule: &Rule, in_raw: bool) -> bool {
        if rule.spec.is_textless() {
            return true;
        }
        if let Some(function) = &statement.argument_of {
            return rule.lets_call(function);
        }
        if statement.words.is_empty() {
            return false;
        }
        let begins = |word: usize| {
            rule.spec.statements.is_empty()
                || self.entries_at(&statement.words, word).any(|(owner, _)| *owner == number)
        };
        if case.reading.foreign {
            // White space and comments mean something in other languages, so that words say little: the raw command must match.
            if !in_raw || statement.hidden {
                return in_raw;
            }
            if !statement.begins_sql() || case.shell_commands.contains(&without_space(&statement.text)) {
                return begins(0);
            }
            // No shell reads this as a command, but a database may run it.
        }
        if !statement.calls.iter().all(|function| rule.lets_call(function)) {
            return false;
        }
        let ends = statement.parts.iter().skip(1).map(|(_, byte)| *byte).chain([statement.text.len()]);
        statement.parts.iter().zip(ends).all(|((word, byte), end)| {
            let part = statement.text.get(*byte..end).unwrap_or_default().trim_end();
            begins(*word) && rule.pattern.as_ref().is_none_or(|pattern| pattern.is_match(part))
        })
    }

    fn ruling(&self, tally: &Tally) -> Ruling {
        let spec = |number: usize| self.rules.get(number).map(|rule| &rule.spec);
        if let Some(spec) = tally.denied.and_then(spec) {
            return Ruling::Denied { rule: spec.name.clone(), reason: spec.reason.clone() };
        }
        if let Some(spec) = tally.allowed.filter(|_| tally.all_allowed).and_then(spec) {
            return Ruling::Allowed { rule: spec.name.clone() };
        }
        let mut rules = Vec::new();
        let mut slots: Vec<Slot> = Vec::new();
        for spec in tally.required.iter().filter_map(|number| spec(*number)) {
            rules.push(spec.name.clone());
            for slot in &spec.slots {
                match slots.iter_mut().find(|known| known.group == slot.group) {
                    Some(known) => {
                        known.needed = known.needed.max(slot.needed);
                        known.shared &= slot.shared;
                    }
                    None => slots.push(slot.clone()),
                }
            }
        }
        Ruling::Ask { rules, slots }
    }
}

/// The whole of what was decided about a command's statements. The strictest wins: deny, then ask, then allow.
#[derive(Debug, Default)]
struct Tally {
    denied: Option<usize>,
    allowed: Option<usize>,
    required: BTreeSet<usize>,
    all_allowed: bool,
}

impl Tally {
    fn count(&mut self, effects: impl Iterator<Item = (usize, Effect)>, rough: bool) {
        let mut allows = false;
        for (number, effect) in effects {
            match effect {
                Effect::Deny => self.denied = self.denied.or(Some(number)),
                Effect::Require => {
                    self.required.insert(number);
                }
                Effect::Allow => {
                    allows = true;
                    self.allowed = self.allowed.or(Some(number));
                }
            }
        }
        self.all_allowed &= allows || rough;
    }
}

#[derive(Debug, Default)]
struct Findings {
    list: Vec<Finding>,
    seen: HashSet<Finding>,
}

impl Findings {
    fn add(&mut self, statement: &Statement, rule: Option<&Rule>) {
        let finding = Finding {
            statement: statement.text.chars().take(FINDING_LENGTH).collect(),
            rule: rule.map(|rule| rule.spec.name.clone()),
            effect: rule.map(|rule| rule.spec.effect),
            unknown_functions: if rule.is_some() { Vec::new() } else { statement.calls.clone() },
        };
        let denies = |finding: &Finding| finding.effect == Some(Effect::Deny);
        if self.list.len() < MAX_FINDINGS {
            if self.seen.insert(finding.clone()) {
                self.list.push(finding);
            }
        } else if denies(&finding) && !self.list.iter().any(denies) {
            // What explains the verdict must be in the list.
            self.list.pop();
            self.list.push(finding);
        }
    }
}

/// The words of the program that a script is given to, as the context has them.
fn argv(payload: &Payload) -> Vec<&str> {
    let argv = payload.context.as_ref().and_then(|context| context.get("argv")).and_then(serde_json::Value::as_array);
    argv.into_iter().flatten().filter_map(serde_json::Value::as_str).collect()
}

fn without_space(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}
