//! What the cloud holds, looked at: to make a lost state anew, and to find what was changed there by
//! hand.
//!
//! Reading order: [`lens`] (an account in the words in which we would have pushed it, pure),
//! [`listing`] (everybody, page by page, and whether that was everybody), [`rebuild`], [`audit`], and in
//! either of them `groups`, which comes after the people: members are people whose accounts are known.
//!
//! Deliberately absent: writing to the cloud. What is found goes into the state as what the cloud holds;
//! the next plan sees the difference and the executor sends it, as it does for everybody.

mod asking;
pub mod audit;
pub mod lens;
pub mod listing;
mod owners;
pub mod rebuild;
pub mod settings;
mod stand_in;

pub use lens::Lens;
pub use listing::Listing;

#[cfg(test)]
mod tests;
