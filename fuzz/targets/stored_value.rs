//! What lies in a store, sealed and open.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sts_store::seal::Keys;
use sts_store::value::Value;

fuzz_target!(|data: &[u8]| {
    assert!(Keys::Insecure.open("name", data).is_none() || data.first() == Some(&2));
    let Some(value) = Value::read(data) else { return };
    assert!(value.write().expose() == data, "it is read as something else");
    for left in [0, 1, 1_000, u64::MAX] {
        if let Some(life) = value.arrive(value.put, left) {
            let ends = life.sent.saturating_add(life.good_for.saturating_mul(1_000));
            assert!(ends <= value.put.saturating_add(left.min(value.life)));
        }
    }
});
