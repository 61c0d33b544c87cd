//! Patterns for names.

use serde::{Deserialize, Serialize};

/// A pattern for whole texts: `*` stands for any characters, `?` for one. Capitals do not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glob(Vec<char>);

impl Glob {
    /// From its text; every text is a pattern.
    pub fn new(pattern: &str) -> Self {
        Self(fold(pattern).collect())
    }

    /// Does the pattern stand for the whole text? Time at most the product of the lengths.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = fold(text).collect();
        let (mut at, mut pattern_at) = (0_usize, 0_usize);
        // Where the last star stood, and how much of the text it has been given.
        let mut star: Option<(usize, usize)> = None;
        while let Some(c) = text.get(at) {
            match self.0.get(pattern_at) {
                Some('*') => {
                    star = Some((pattern_at, at));
                    pattern_at = pattern_at.saturating_add(1);
                }
                Some(p) if *p == '?' || p == c => {
                    pattern_at = pattern_at.saturating_add(1);
                    at = at.saturating_add(1);
                }
                _ => {
                    let Some((star_at, given)) = star else { return false };
                    at = given.saturating_add(1);
                    star = Some((star_at, at));
                    pattern_at = star_at.saturating_add(1);
                }
            }
        }
        self.0.get(pattern_at..).unwrap_or_default().iter().all(|p| *p == '*')
    }
}

fn fold(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}
