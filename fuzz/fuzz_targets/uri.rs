#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| hyper_happy_eyeballs_fuzz::uri(data));
