//! The methods that descriptor sets tell of: who may call them, how they are measured and how long
//! they may take all begin here.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::FileDescriptorSet;

/// A method of a described service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Method {
    /// Its name as calls name it: `package.Service/Method`.
    pub(crate) name: String,
    /// Whether the caller sends a stream.
    pub(crate) uploads: bool,
}

/// The methods of every described service, by the service's full name. What cannot be decoded
/// describes nothing.
pub(crate) fn described(descriptors: &[&[u8]]) -> BTreeMap<String, Vec<Method>> {
    let sets = descriptors
        .iter()
        .filter_map(|set| FileDescriptorSet::decode(*set).ok());
    let mut services = BTreeMap::new();
    for file in sets.flat_map(|set| set.file) {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            let methods = service.method.iter().map(|method| Method {
                name: format!("{name}/{}", method.name()),
                uploads: method.client_streaming(),
            });
            let methods = methods.collect();
            services.insert(name, methods);
        }
    }
    services
}

/// The names of the described methods that are as asked.
pub(crate) fn names(descriptors: &[&[u8]], asked: impl Fn(&Method) -> bool) -> Vec<String> {
    let methods = described(descriptors).into_values().flatten();
    let methods = methods.filter(asked);
    methods.map(|method| method.name).collect()
}
