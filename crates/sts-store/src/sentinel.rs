//! Redis Sentinel: which server is the master now.
//!
//! <https://redis.io/docs/latest/develop/reference/sentinel-clients/>

use crate::cluster::is_host;
use crate::language::{Answer, Commands, StoreError};
use crate::resp::Reply;

/// Asks for the master of a name.
pub fn ask(master: &str) -> Commands {
    Commands::of_redis(&[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", master.as_bytes()])
}

/// The answer: host and port.
///
/// # Errors
/// The Sentinel does not know the name, or says something else.
pub fn master(answer: Answer) -> Result<(String, u16), StoreError> {
    let Answer::Redis(replies) = answer else { return Err(StoreError::Unexpected) };
    let mut replies = replies.into_iter();
    let parts = match (replies.next(), replies.next()) {
        (Some(Reply::Array(Some(parts))), None) => parts,
        (Some(Reply::Array(None)), None) => {
            return Err(StoreError::Refused("there is no master of this name".to_owned()));
        }
        (Some(Reply::Error(text)), None) => return Err(StoreError::refused(&text)),
        _ => return Err(StoreError::Unexpected),
    };
    let texts = parts.into_iter().map(|part| match part {
        Reply::Bulk(Some(text)) => str::from_utf8(text.expose()).ok().map(str::to_owned),
        _ => None,
    });
    let texts: Option<Vec<_>> = texts.collect();
    let [host, port] =
        <[String; 2]>::try_from(texts.unwrap_or_default()).map_err(|_| StoreError::Unexpected)?;
    match port.parse() {
        Ok(port) if port > 0 && is_host(&host) => Ok((host, port)),
        _ => Err(StoreError::Unexpected),
    }
}

#[cfg(test)]
mod tests {
    use sts_secret::Secret;

    use super::*;

    fn read(parts: &[&str]) -> Result<(String, u16), StoreError> {
        let bulk = |part: &&str| Reply::Bulk(Some(Secret::new(part.as_bytes())));
        master(Answer::Redis(vec![Reply::Array(Some(parts.iter().map(bulk).collect()))]))
    }

    #[test]
    fn a_master_is_a_host_with_a_port() {
        assert_eq!(read(&["127.0.0.1", "6379"]), Ok(("127.0.0.1".to_owned(), 6379)));
        assert_eq!(read(&["::1", "1"]), Ok(("::1".to_owned(), 1)));
        assert_eq!(read(&["redis-1.example", "65535"]), Ok(("redis-1.example".to_owned(), 65535)));
        for parts in [
            &["", "1"][..],
            &["a", "0"],
            &["a", "65536"],
            &["a", "x"],
            &["a/b", "1"],
            &["a@b", "1"],
            &["unix:/a b", "1"],
            &["a"],
            &["a", "1", "2"],
            &[],
        ] {
            assert_eq!(read(parts), Err(StoreError::Unexpected), "{parts:?}");
        }
        let unknown = master(Answer::Redis(vec![Reply::Array(None)]));
        assert!(matches!(unknown, Err(StoreError::Refused(_))));
        let error = master(Answer::Redis(vec![Reply::Error("NOAUTH".to_owned())]));
        assert_eq!(error, Err(StoreError::Refused("NOAUTH".to_owned())));
    }

    #[test]
    fn the_question_is_one_command() {
        let commands = ask("m");
        assert_eq!(commands.count(), 1);
        assert_eq!(
            commands.into_secret().expose(),
            b"*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$1\r\nm\r\n"
        );
    }
}
