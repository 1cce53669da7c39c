//! Checks of rules on their own examples: whether each does what its author expects, and whether it can ever decide
//! anything.

use std::fmt;

use super::super::{Payload, RuleName};
use super::compiled::{Guardrails, Rule, Ruling};
use super::rule::Effect;

/// An example whose outcome is not the expected one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FailedExample {
    pub rule: RuleName,
    /// `blocks` or `passes`.
    pub list: &'static str,
    /// Position in the list, from 0.
    pub index: usize,
    pub example: String,
    /// What is wrong, and what to do.
    pub detail: String,
}

impl fmt::Display for FailedExample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, list, index, example, detail } = self;
        write!(f, "guardrail {rule}: {list}[{index}] {example:?}: {detail}")
    }
}

/// A rule that can never decide anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadRule {
    pub rule: RuleName,
    pub because: String,
}

impl Guardrails {
    /// Checks each rule, alone, on its own examples.
    ///
    /// # Errors
    /// Returns the first example whose outcome is not the expected one.
    pub fn examples(&self) -> Result<(), FailedExample> {
        for (number, rule) in self.rules.iter().enumerate() {
            let allow = rule.spec.effect == Effect::Allow;
            for (list, commands, matching) in
                [("blocks", &rule.spec.blocks, !allow), ("passes", &rule.spec.passes, allow)]
            {
                for (index, example) in commands.iter().enumerate() {
                    self.example(number, rule, example, matching).map_err(|detail| FailedExample {
                        rule: rule.spec.name.clone(),
                        list,
                        index,
                        example: example.clone(),
                        detail,
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Returns what is wrong with the outcome of an example, if anything.
    fn example(&self, number: usize, rule: &Rule, command: &str, matching: bool) -> Result<(), String> {
        let judgement = self.judge_by(&rule.example(command), number..number + 1);
        let matched = match &judgement.verdict {
            Ruling::Denied { .. } | Ruling::Allowed { .. } => true,
            Ruling::Ask { rules, .. } => !rules.is_empty(),
        };
        if matched == matching {
            return Ok(());
        }
        let allow = rule.spec.effect == Effect::Allow;
        let by = |matched: bool| {
            let hit = |finding: &&super::Finding| finding.rule.is_some() == matched;
            judgement
                .findings
                .iter()
                .find(hit)
                .map_or_else(String::new, |finding| format!(" ({:?})", finding.statement))
        };
        Err(match (matched, allow) {
            (true, true) => "the rule would allow it: narrow the rule, or move the example to passes".to_owned(),
            (true, false) => format!("the rule matches it{}: narrow the rule, or move the example to blocks", by(true)),
            (false, true) if judgement.unclear => {
                "dialects of SQL may read it in different ways, so no rule can allow it: move the example to blocks"
                    .to_owned()
            }
            (false, true) if judgement.findings.iter().any(|finding| !finding.unknown_functions.is_empty()) => {
                let functions: Vec<_> =
                    judgement.findings.iter().flat_map(|finding| finding.unknown_functions.iter().cloned()).collect();
                format!(
                    "it calls {}, which is not known to be harmless: list it in functions, or move the example to blocks",
                    functions.join(", ")
                )
            }
            (false, true) if judgement.foreign => {
                "the pattern does not match each of its commands, with every shell operator spelled out: widen the pattern, or move the example to blocks"
                    .to_owned()
            }
            (false, true) => {
                format!("the rule does not allow all of it{}: widen the rule, or move the example to blocks", by(false))
            }
            (false, false) => "the rule does not match it: widen the rule, or move the example to passes".to_owned(),
        })
    }

    /// Returns rules that can never decide, as far as this can be found out: an earlier rule decides everything, or
    /// everything that the rule matches in its own examples.
    pub fn dead(&self) -> Vec<DeadRule> {
        let dead = |(number, rule): (usize, &Rule)| {
            let because = self.shadowed(number, rule)?;
            Some(DeadRule { rule: rule.spec.name.clone(), because })
        };
        self.rules.iter().enumerate().filter_map(dead).collect()
    }

    fn shadowed(&self, number: usize, rule: &Rule) -> Option<String> {
        let earlier = self.rules.get(..number)?;
        if let Some(all) = earlier.iter().find(|earlier| earlier.spec.is_unconditional()) {
            let all = &all.spec.name;
            return Some(format!(
                "the earlier rule {all} has no conditions and decides everything: move {all} to the end"
            ));
        }
        let own = if rule.spec.effect == Effect::Allow { &rule.spec.passes } else { &rule.spec.blocks };
        let mut deciding = Vec::new();
        for command in own {
            deciding.extend(self.decided_before(number, rule, command)?);
        }
        deciding.sort_unstable();
        deciding.dedup();
        let names: Vec<_> =
            deciding.iter().filter_map(|number| Some(self.rules.get(*number)?.spec.name.as_str())).collect();
        (!names.is_empty()).then(|| {
            format!("all its examples are decided earlier, by {}: move the rule up, or delete it", names.join(", "))
        })
    }

    /// The earlier rules that decide every statement of the command that the rule matches; `None` if one is left to it.
    fn decided_before(&self, number: usize, rule: &Rule, command: &str) -> Option<Vec<usize>> {
        let facts = self.facts(&rule.example(command));
        let mut deciding = Vec::new();
        for statement in &facts.parsed.statements {
            if !self.deciding(&facts, statement, number..number + 1).is_empty() {
                deciding.push(*self.deciding(&facts, statement, 0..number).first()?);
            }
        }
        Some(deciding)
    }
}

impl Rule {
    /// Returns an example as a payload that meets the rule's conditions.
    fn example(&self, command: &str) -> Payload {
        Payload {
            command: command.to_owned(),
            language: self.spec.languages.first().cloned(),
            context: self.spec.sample_context(),
            duration_seconds: None,
        }
    }
}
