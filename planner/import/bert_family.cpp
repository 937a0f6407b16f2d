#include <array>

#include "planner/base/json.h"
#include "planner/import/family.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

/// The bare encoder with its pooler: the heads of pre-training are not part of it.
ModelSpec bert(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    if (keys.boolean_or("is_decoder", false)) {
        keys.fail("is_decoder", "is true, only the encoder form is modelled");
    }
    const auto positions = keys.find("position_embedding_type");
    if (positions && positions->string() != "absolute") {
        positions->fail("is " + quoted(positions->value()) + ", only \"absolute\" is modelled");
    }
    auto spec = shared_fields(keys, defaults);
    spec.stack = Stack::encoder;
    spec.lm_head = false;
    spec.tied_embeddings = false;
    spec.norm = NormKind::layer;
    spec.norm_bias = true;
    spec.placement = NormPlacement::post;
    spec.embedding_norm = true;
    spec.final_norm = false;
    spec.pooler = true;
    spec.attention.qkv_bias = true;
    spec.attention.out_bias = true;
    spec.ffn.bias = true;
    spec.position = PositionKind::learned;
    spec.position_rows = spec.max_positions;
    spec.token_types = keys.integer_or("type_vocab_size", 2, 0, limits::kHeads);
    return spec;
}

constexpr FamilyDefaults kBert{.vocab = 30522,
                               .hidden = 768,
                               .width = 3072,
                               .layers = 12,
                               .heads = 12,
                               .positions = 512,
                               .eps = 1e-12,
                               .dropout = 0.1,
                               .activation = ActivationKind::gelu};

constexpr std::array kRows{FamilyRow{"bert", kBert, bert}};

}  // namespace

std::span<const FamilyRow> bert_families() { return kRows; }

}  // namespace headroom
