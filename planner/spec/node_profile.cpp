#include <array>
#include <span>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/hardware_profile.h"
#include "planner/spec/profile_text.h"
#include "planner/spec/unit_field.h"

namespace headroom {
namespace {

using Node = NodeProfile;
using NodeField = UnitField<Node>;

template <auto Member>
constexpr NodeField node_field(std::string_view key, double scale, double low, double high) {
    return {"",  key,  Presence::required,        scale,
            low, high, &get_member<Member, Node>, &set_member<Member, Node>};
}

/// A rate of something that a node may lack.
template <auto Member>
constexpr NodeField rate_or_none(std::string_view key, double high) {
    NodeField out = node_field<Member>(key, kGb, 0, high);
    out.least = kLeastRate;
    return out;
}

constexpr std::array kNodeFields{
    node_field<&Node::gpus>("gpus", 1.0, 1, 1024),
    node_field<&Node::host_ram>("host_ram_gib", double{kGiB}, 1, 1e6),
    node_field<&Node::nvme_capacity>("nvme_capacity_tb", 1e12, 0, 1e4),
    rate_or_none<&Node::nvme_read>("nvme_read_gb_s", 1e4),
    rate_or_none<&Node::nvme_write>("nvme_write_gb_s", 1e4),
    rate_or_none<&Node::network>("network_gb_s", 1e5),
    node_field<&Node::nvlink_domain>("nvlink_domain", 1.0, 0, 1e5),
    node_field<&Node::power_kw>("power_kw", 1.0, 0, 1000),
};
constexpr std::span<const NodeField> kAllNodeFields{kNodeFields};

void check_counts_and_drives(const JsonCursor& json) {
    static_cast<void>(json.at("gpus").integer(1, 1024));
    static_cast<void>(json.at("nvlink_domain").integer(0, 100'000));
    const bool drives = json.at("nvme_capacity_tb").number(0, 1e4) > 0.0;
    for (const auto* key : {"nvme_read_gb_s", "nvme_write_gb_s"}) {
        const auto rate = json.at(key);
        if (drives != (rate.number(0, 1e4) > 0.0)) {
            rate.fail("must be above 0 exactly when nvme_capacity_tb is");
        }
    }
}

}  // namespace

Json to_json(const NodeProfile& node) {
    Json json{{"id", node.id},
              {"gpu", node.gpu},
              {"confidence", node.confidence},
              {"notes", node.notes},
              {"sources", node.sources}};
    write_fields(node, kAllNodeFields, json);
    return json;
}

NodeProfile node_profile_from_json(const JsonCursor& json) {
    const auto numbers = keys_of(kAllNodeFields, "");
    auto known = numbers;
    known.insert(known.end(), {"id", "gpu", "confidence", "notes", "sources"});
    json.only(known);

    NodeProfile node;
    node.id = id_from_json(json.at("id"));
    node.gpu = json.string_or("gpu", "");
    node.confidence = json.string_or("confidence", "");
    node.notes = json.string_or("notes", "");
    read_fields(node, kAllNodeFields, json);
    check_counts_and_drives(json);
    if (const auto sources = json.find("sources")) {
        node.sources = sources_from_json(*sources, numbers);
    }
    return node;
}

}  // namespace headroom
