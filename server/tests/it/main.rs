//! The program as a process: killed at every effect in turn, restarted, and judged from outside.

mod console;
mod crash;
