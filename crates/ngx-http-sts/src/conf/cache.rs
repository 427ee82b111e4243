//! `STSCache`: the shared memory zones of a configuration, and the stores behind them.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use openssl::hash::MessageDigest;
use sts_core::options::Options;
use sts_core::secret::Secret;
use sts_zone::zone::Capacity;

use crate::cache::{Cache, Encryption, Seal, Secrets};
use crate::conf::argument::{self, Problem};
use crate::conf::store::{Derived, Kind, OF_FILE, OF_MEMCACHE, OF_REDIS, StoreDefinition};
use crate::counters::{Counters, StoreTally};
use crate::nginx::conf::Conf;
use crate::nginx::zone::SharedMemory;
use crate::origin::Origins;
use crate::shared_zone::SharedZone;
use crate::store::Store;
use crate::sts::Sts;

/// The name of the cache of those that name none.
pub(crate) const DEFAULT_NAME: &str = "default";

/// Bytes of a zone that has no size.
const DEFAULT_SIZE: u64 = 16 * 1024 * 1024;
const LEAST_SIZE: u64 = 1024 * 1024;
const MOST_SIZE: u64 = 1 << 40;

/// Bytes that an entry is reckoned with when only their number is given.
const ENTRY_SIZE: u64 = 2 * 1024;

/// Bytes that a token may have to be kept.
const DEFAULT_MAX_VALUE: u64 = 128 * 1024;

const OPTIONS: &[&str] = &[
    "name",
    "size",
    "max_entries",
    "max_val_size",
    "max_key_size",
    "key_hash_algo",
    "encrypt",
    "passphrase",
    "passphrase_hash_algo",
];

/// The caches by their names, which all blocks share.
#[derive(Default)]
pub(crate) struct Caches {
    defined: Vec<Defined>,
    /// Where stores are.
    origins: Origins,
    derived: Derived,
    zones: Rc<RefCell<Vec<NamedZone>>>,
    stores: Rc<RefCell<Vec<Rc<StoreTally>>>>,
    counters: Rc<Counters>,
}

/// A zone with what it is called, and its size in bytes.
pub(crate) struct NamedZone {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) zone: Rc<SharedZone>,
}

/// A cache, once for each passphrase.
struct Defined {
    definition: Definition,
    zone: Rc<SharedZone>,
    store: Option<Rc<Store>>,
    caches: Vec<(Option<Secret>, Rc<Cache>)>,
}

/// What is written about a cache.
#[derive(PartialEq, Eq)]
struct Definition {
    name: String,
    size: u64,
    max_entries: Option<u64>,
    max_value: u64,
    encrypt: bool,
    passphrase: Option<Secret>,
    store: Option<StoreDefinition>,
}

impl Caches {
    /// `STSCache type [options]`: defines a cache, and returns its name.
    pub(crate) fn define(
        &mut self,
        conf: &Conf<'_>,
        counters: &Rc<Counters>,
        kind: &str,
        options: Option<&str>,
    ) -> Result<String, Problem> {
        self.counters = counters.clone();
        let definition = Definition::parse(conf, self::kind(kind)?, options.unwrap_or_default())?;
        let name = definition.name.clone();
        if let Some(known) = self.defined.iter().find(|known| known.definition.name == name) {
            if known.definition != definition {
                return Err(format!("the cache \"{name}\" is already defined with other options"));
            }
            return Ok(name);
        }
        self.add(conf, definition)?;
        Ok(name)
    }

    /// The cache of a name, with a passphrase unless it has one of its own.
    /// The default one need not be defined.
    pub(crate) fn named(
        &mut self,
        conf: &Conf<'_>,
        name: &str,
        passphrase: Option<&Secret>,
    ) -> Result<Rc<Cache>, Problem> {
        let known = self.defined.iter().position(|known| known.definition.name == name);
        let index = match known {
            Some(index) => index,
            None if name == DEFAULT_NAME => self.add(conf, Definition::parse(conf, None, "")?)?,
            None => {
                return Err(format!(
                    "option \"cache.name\": there is no \"STSCache\" with name=\"{name}\""
                ));
            }
        };
        let defined = self.defined.get_mut(index).ok_or_else(|| Problem::from("no such cache"))?;
        Ok(defined.with(passphrase))
    }

    /// The zones, also those that are still to come.
    pub(crate) fn zones(&self) -> &Rc<RefCell<Vec<NamedZone>>> {
        &self.zones
    }

    /// What is counted of the stores, also of those that are still to come.
    pub(crate) fn stores(&self) -> &Rc<RefCell<Vec<Rc<StoreTally>>>> {
        &self.stores
    }

    fn add(&mut self, conf: &Conf<'_>, definition: Definition) -> Result<usize, Problem> {
        let to_usize = |number: u64| usize::try_from(number).map_err(|error| error.to_string());
        let name = format!("sts:{}", definition.name);
        let memory = SharedMemory::declare::<Sts>(conf, &name, to_usize(definition.size)?)
            .map_err(|_| format!("the zone of the cache \"{}\" cannot be made", definition.name))?;
        let capacity = Capacity {
            entries: definition.max_entries.map_or(Ok(usize::MAX), to_usize)?,
            value: to_usize(definition.max_value)?,
        };
        let zone = Rc::new(SharedZone::new(memory, capacity));
        let store = definition.store.as_ref().map(|store| {
            let (origins, derived) = (&mut self.origins, &mut self.derived);
            let configured = store.configure(conf, &definition.name, origins, derived)?;
            let (name, kind) = (definition.name.clone(), store.kind());
            let place = configured.at.clone();
            let tally = Rc::new(StoreTally::new(&self.counters, name, kind, place));
            self.stores.borrow_mut().push(tally.clone());
            Ok::<_, Problem>(Store::new(configured, zone.clone(), tally))
        });
        let store = store.transpose()?;
        let (name, size) = (definition.name.clone(), definition.size);
        self.zones.borrow_mut().push(NamedZone { name, size, zone: zone.clone() });
        self.defined.push(Defined { definition, zone, store, caches: Vec::new() });
        Ok(self.defined.len() - 1)
    }
}

impl Defined {
    fn with(&mut self, passphrase: Option<&Secret>) -> Rc<Cache> {
        let definition = &self.definition;
        // The zone before a store is as if nothing was said of passphrases: they are the store's, and a key
        // that is replaced there must not change what tokens are called.
        let passphrase =
            definition.passphrase.as_ref().or(passphrase).filter(|_| definition.store.is_none());
        if let Some((_, cache)) = self.caches.iter().find(|(of, _)| of.as_ref() == passphrase) {
            return cache.clone();
        }
        let secrets = Secrets::new(definition.encrypt, passphrase);
        let encryption = match passphrase {
            _ if !definition.encrypt => Encryption::Off,
            Some(passphrase) => Encryption::With(Seal::from_secret(passphrase.expose())),
            None => Encryption::WithOwnKey(OnceCell::new()),
        };
        let cache = Rc::new(Cache::new(self.zone.clone(), encryption, secrets, self.store.clone()));
        self.caches.push((passphrase.cloned(), cache.clone()));
        cache
    }
}

/// What is behind the zone.
fn kind(word: &str) -> Result<Option<Kind>, Problem> {
    let words = [
        ("shm", None),
        ("redis", Some(Kind::Redis)),
        ("memcache", Some(Kind::Memcached)),
        ("file", Some(Kind::Files)),
    ];
    argument::word(word, &words)
}

impl Definition {
    fn parse(conf: &Conf<'_>, kind: Option<Kind>, options: &str) -> Result<Self, Problem> {
        let mut options = Options::parse(options).map_err(|error| error.to_string())?;
        let store = kind.map(|kind| StoreDefinition::parse(conf, kind, &mut options));
        let store = store.transpose()?;
        let of_kind = match kind {
            None => &[],
            Some(Kind::Redis) => OF_REDIS,
            Some(Kind::Memcached) => OF_MEMCACHE,
            Some(Kind::Files) => OF_FILE,
        };
        let mut text = |key| options.take_text(key).map_err(|error| error.to_string());
        let in_option = |key: &str, problem: Problem| format!("option \"{key}\": {problem}");
        let number = |key: &str, text: Option<String>, least, most| {
            text.map(|text| argument::number(&text, least, most))
                .transpose()
                .map_err(|problem| in_option(key, problem))
        };
        let size_of = |key: &str, text: Option<String>, least, most| {
            text.map(|text| argument::size(&text, least, most))
                .transpose()
                .map_err(|problem| in_option(key, problem))
        };
        let name = text("name")?.unwrap_or_else(|| DEFAULT_NAME.to_owned());
        let max_entries = number("max_entries", text("max_entries")?, 1, u64::from(u32::MAX))?;
        let size = size_of("size", text("size")?, LEAST_SIZE, MOST_SIZE)?.unwrap_or_else(|| {
            max_entries.map_or(DEFAULT_SIZE, |entries| (entries * ENTRY_SIZE).max(LEAST_SIZE))
        });
        let max_value = size_of("max_val_size", text("max_val_size")?, 1, MOST_SIZE)?;
        // Keys are digests: their size is no question any more.
        number("max_key_size", text("max_key_size")?, 0, u64::MAX)?;
        check_algorithm(conf, "key_hash_algo", text("key_hash_algo")?, &["none"])?;
        // The zone is memory of the workers themselves, like the tokens of running requests.
        let encrypt = text("encrypt")?.map(|switch| argument::switch(&switch)).transpose();
        let encrypt = encrypt.map_err(|problem| in_option("encrypt", problem))?.unwrap_or(false);
        check_algorithm(conf, "passphrase_hash_algo", text("passphrase_hash_algo")?, &[])?;
        let passphrase = options.take("passphrase");
        if passphrase.as_ref().is_some_and(Secret::is_empty) {
            return Err(in_option("passphrase", "the value must not be empty".into()));
        }
        options.finish(&[OPTIONS, of_kind].concat()).map_err(|error| error.to_string())?;
        Ok(Self {
            name,
            size,
            max_entries,
            max_value: max_value.unwrap_or(DEFAULT_MAX_VALUE),
            encrypt,
            passphrase,
            store,
        })
    }
}

/// The C modules let the hash be chosen. Keys are made otherwise here, and what is written is of no effect.
fn check_algorithm(
    conf: &Conf<'_>,
    key: &str,
    algorithm: Option<String>,
    others: &[&str],
) -> Result<(), Problem> {
    let Some(algorithm) = algorithm.filter(|name| name != SHA256) else { return Ok(()) };
    if !others.contains(&&*algorithm) && MessageDigest::from_name(&algorithm).is_none() {
        return Err(format!(
            "option \"{key}\": the value is not the name of a hash algorithm that OpenSSL knows: leave \
             the option out, it is \"{SHA256}\" in any case"
        ));
    }
    conf.warn(format_args!(
        "\"STSCache\": option \"{key}\" has no effect: it is \"{SHA256}\" in any case"
    ));
    Ok(())
}

const SHA256: &str = "sha256";
