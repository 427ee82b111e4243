//! What a source token can ask for by itself: see the documentation of [`crate::sts`].

use std::time::Duration;

use super::token_endpoint::Refusal;
use crate::http::answer::Answer;
use crate::script::Script;

/// How the token that is issued is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Steered {
    pub(super) wait: Duration,
    pub(super) size: Option<usize>,
    pub(super) jwt: bool,
    /// Outer: whether it was asked for; inner: seconds or none.
    pub(super) life: Option<Option<u64>>,
}

/// What is answered instead of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    Answer(Box<Answer>),
    Hang,
    Refusal(Refusal),
    Reset,
}

/// The largest token that can be asked for, in bytes.
const MAX_SIZE: usize = 16 << 20;

pub(super) fn read(source: &str) -> Result<Steered, Instead> {
    let mut steered = Steered::default();
    for word in source.split('.') {
        let (name, argument) = word.split_once('-').unwrap_or((word, ""));
        let number = argument.parse::<u64>().ok();
        match (name, argument, number) {
            ("refuse", "", _) => {
                let description = "the source token asks to be refused";
                return Err(Instead::Refusal(Refusal::new(400, "invalid_grant", description)));
            }
            ("error", code, _) if !code.is_empty() => {
                let status = if code == "invalid_client" { 401 } else { 400 };
                let description = "the source token asks for this error";
                return Err(Instead::Refusal(Refusal::new(status, code, description)));
            }
            ("status", _, Some(status @ 200..=599)) => {
                let status = u16::try_from(status).unwrap_or(500);
                let answer = Answer::new(status).header("Content-Type", "text/plain");
                return Err(Instead::Answer(Box::new(
                    answer.body("the source token asks for it\n"),
                )));
            }
            ("html", "", _) => {
                let answer = Answer::new(200).header("Content-Type", "text/html");
                let page = answer.body("<!DOCTYPE html><title>Sign in</title>\n");
                return Err(Instead::Answer(Box::new(page)));
            }
            ("hang", "", _) => return Err(Instead::Hang),
            ("reset", "", _) => return Err(Instead::Reset),
            ("wait", _, Some(milliseconds)) => steered.wait = Duration::from_millis(milliseconds),
            ("size", _, Some(bytes)) => {
                steered.size = usize::try_from(bytes).ok().filter(|bytes| *bytes <= MAX_SIZE);
            }
            ("jwt", "", _) => steered.jwt = true,
            ("life", "none", _) => steered.life = Some(None),
            ("life", _, Some(seconds)) => steered.life = Some(Some(seconds)),
            _ => break,
        }
    }
    Ok(steered)
}

impl Instead {
    pub(super) fn into_script(self, script: Script) -> (Script, Result<String, String>) {
        match self {
            Self::Answer(answer) => {
                let note = format!("status {}", answer.status_code());
                (script.answer(*answer), Err(note))
            }
            Self::Hang => (script.hang(), Err("no answer".to_owned())),
            Self::Refusal(refusal) => (script.answer(refusal.answer()), Err(refusal.to_string())),
            Self::Reset => (script.reset(), Err("reset".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_add_up_until_one_is_none() {
        let steered = read("wait-20.size-64.life-none.alice.jwt").unwrap();
        assert_eq!(
            steered,
            Steered {
                wait: Duration::from_millis(20),
                size: Some(64),
                jwt: false,
                life: Some(None)
            }
        );
    }

    #[test]
    fn ordinary_tokens_ask_for_nothing() {
        for token in ["alice", "eyJhbGciOiJFUzI1NiJ9.e30.x", "refused", "wait", "size-x", ""] {
            assert_eq!(read(token).unwrap(), Steered::default(), "{token}");
        }
    }

    #[test]
    fn refusals_are_answers() {
        assert!(matches!(read("refuse"), Err(Instead::Refusal(_))));
        assert!(matches!(read("wait-5.error-access_denied.bob"), Err(Instead::Refusal(_))));
        assert_eq!(read("hang.x"), Err(Instead::Hang));
    }
}
