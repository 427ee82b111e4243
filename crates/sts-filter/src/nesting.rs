//! How deeply an expression is nested, found without recursion: jaq's lexer and parser call
//! themselves for each level, and a stack that overflows cannot be caught.

use jaq_core::load::lex::{StrPart, Tok, Token};

/// Brackets and strings within each other.
const BRACKETS: usize = 48;

/// Words and operators, in brackets within each other, that the parser calls itself for.
const PREFIXES: usize = 160;

/// Whether the lexer can read this. What it says of brackets that do not match is its own.
pub(crate) fn brackets_fit(text: &str) -> bool {
    // What closes the brackets and strings that are open.
    let mut open = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if open.last() == Some(&'"') {
            match character {
                '"' => drop(open.pop()),
                '\\' if rest.next() == Some('(') => open.push(')'),
                _ => {}
            }
        } else {
            match character {
                '"' => open.push('"'),
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                ')' | ']' | '}' => drop(open.pop()),
                '#' => skip_comment(&mut rest),
                _ => {}
            }
        }
        if open.len() > BRACKETS {
            return false;
        }
    }
    true
}

/// A comment goes on behind a line that ends in an odd number of backslashes.
fn skip_comment(rest: &mut std::str::Chars<'_>) {
    let mut odd = false;
    for character in rest.by_ref() {
        match character {
            '\n' if !odd => return,
            '\n' => odd = false,
            '\\' => odd = !odd,
            // CR LF ends a line too.
            '\r' => {}
            _ => odd = false,
        }
    }
}

/// Whether the parser can read these tokens.
pub(crate) fn prefixes_fit(tokens: &[Token<&str>]) -> bool {
    block_fits(tokens, 0)
}

fn block_fits(tokens: &[Token<&str>], outer: usize) -> bool {
    let mut count = outer;
    tokens.iter().all(|Token(text, token)| match token {
        Tok::Block(inner) => block_fits(inner, count),
        Tok::Str(parts) => parts.iter().all(|part| match part {
            StrPart::Term(inner) => block_fits(std::slice::from_ref(inner), count),
            StrPart::Str(_) | StrPart::Char(_) => true,
        }),
        Tok::Word | Tok::Sym => {
            match *text {
                "if" | "try" | "reduce" | "foreach" | "label" | "def" | "as" | "-" | "|" | "="
                | "|=" | "+=" | "-=" | "*=" | "/=" | "%=" | "//=" => count += 1,
                // What an `if` opened is closed.
                "end" => count = count.saturating_sub(1).max(outer),
                _ => {}
            }
            count <= PREFIXES
        }
        Tok::Var | Tok::Fmt | Tok::Num => true,
    })
}

#[cfg(test)]
mod tests {
    use jaq_core::load::Lexer;

    use super::*;

    #[test]
    fn brackets_are_counted_where_they_are_brackets() {
        assert!(brackets_fit(&"(".repeat(BRACKETS)));
        assert!(!brackets_fit(&"(".repeat(BRACKETS + 1)));
        assert!(brackets_fit(&format!("\"{}\"", "[".repeat(1000))));
        assert!(brackets_fit(&"[(.)]".repeat(500)));
        assert!(!brackets_fit(&"(\")\"".repeat(BRACKETS + 1)));
        assert!(!brackets_fit(&"\"\\(".repeat(BRACKETS)));
        assert!(brackets_fit(&format!("# {}\n.", "(".repeat(1000))));
        assert!(!brackets_fit(&format!("# \\\\\n{}", "(".repeat(1000))));
        assert!(brackets_fit(&format!("# \\\n{}", "(".repeat(1000))));
    }

    fn fit(text: &str) -> bool {
        prefixes_fit(&Lexer::new(text).lex().unwrap())
    }

    #[test]
    fn prefixes_are_counted_along_the_brackets() {
        assert!(fit(&"-".repeat(PREFIXES)) && !fit(&"- ".repeat(PREFIXES + 1)));
        assert!(!fit(&"if 1 then try ".repeat(PREFIXES)));
        assert!(fit(&"if 1 then 1 end, ".repeat(1000)));
        assert!(!fit(&format!("end end {}", "if ".repeat(PREFIXES + 1))));
        assert!(fit(&"(1 | 2), ".repeat(200)));
        assert!(!fit(&format!("{}({})", "1 | ".repeat(PREFIXES - 1), "1 | ".repeat(2))));
        assert!(!fit(&format!("\"\\({})\"", "1 | ".repeat(PREFIXES + 1))));
    }
}
