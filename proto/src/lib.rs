//! Generated protobuf and gRPC types, and the descriptor set: nothing else.
//!
//! The sources are `proto/countersign/<service>/v1/{service,events}.proto`; `proto/golden/` keeps a
//! sample of every event as bytes and as text, which must decode for ever.

/// The descriptors of everything here, as a serialised `FileDescriptorSet`: for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

pub mod common {
    pub mod v1 {
        tonic::include_proto!("countersign.common.v1");
    }
}

pub mod estimate {
    pub mod v1 {
        tonic::include_proto!("countersign.estimate.v1");
    }
}

pub mod approval {
    pub mod v1 {
        tonic::include_proto!("countersign.approval.v1");
    }
}

pub mod offer {
    pub mod v1 {
        tonic::include_proto!("countersign.offer.v1");
    }
}

pub mod notification {
    pub mod v1 {
        tonic::include_proto!("countersign.notification.v1");
    }
}

pub mod disbursement_reconciliation {
    pub mod v1 {
        tonic::include_proto!("countersign.disbursement_reconciliation.v1");
    }
}
