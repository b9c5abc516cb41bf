//! The codecs of the store: damaged values do not decode, and what was encoded decodes to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus::store::fuzzing;

fuzz_target!(|input: &[u8]| {
    fuzzing::decode(input);
    fuzzing::encode(input);
});
