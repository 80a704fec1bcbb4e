//! What the workers of one Envoy know together: small values under names, with compare-and-swap.
//! What is lost of it (Envoy restarted) is fetched or refreshed anew. Without it nothing is: a fetch and a
//! refresh need a lease, and what can't be leased waits.

/// The version of a shared value, for compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// Another worker was faster, or the host keeps no shared data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict;

/// The host's shared data.
pub trait SharedData {
    /// The value of that name and its version.
    fn get(&self, key: &str) -> Option<(Vec<u8>, Version)>;

    /// Sets a value if it still has that version. Without a version it is set in any case, so two
    /// workers that create one at the same moment both succeed; [`prepare`] keeps that from mattering.
    ///
    /// # Errors
    /// Where the version has moved on.
    fn set(&self, key: &str, value: &[u8], version: Option<Version>) -> Result<(), Conflict>;
}

/// Makes sure that a value exists, if only an empty one. Envoy configures its main thread before its
/// workers, so what is prepared at configuration is there before two can race for it.
pub fn prepare(shared: &dyn SharedData, key: &str) {
    if shared.get(key).is_none() {
        // Where this fails, so will the lease that was to be had here, and says "not now".
        let _ = shared.set(key, &[], None);
    }
}
