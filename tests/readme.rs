//! The programs of the README are tests: they are built, and those without `no_run` are run.
#![cfg_attr(feature = "https", doc = include_str!("../README.md"))]
