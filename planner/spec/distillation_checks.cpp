#include "planner/base/json.h"
#include "planner/spec/names.h"
#include "planner/spec/request_checks.h"

namespace headroom {
namespace {

constexpr std::string_view kTeacher = "/techniques/distillation/teacher";

/// Rows of a learned position table that come before position 0.
std::int64_t rows_before_first(const ModelSpec& model) {
    return model.position_rows - model.max_positions;
}

bool has_positions(const ModelSpec& model) { return model.position == PositionKind::learned; }

/// Both models read the same tokens at the same positions and are asked for the same ones.
void check_alike(const RequestCheck& check, const ModelSpec& teacher) {
    const auto& student = check.request.model;
    check.require(teacher.vocab == student.vocab, kTeacher,
                  "\"{}\" has a vocabulary of {} tokens, the model has {}: their distributions "
                  "cannot be compared",
                  teacher.name, teacher.vocab, student.vocab);
    check.require(teacher.stack == student.stack, kTeacher,
                  "\"{}\" is {}, the model is {}: they predict different tokens", teacher.name,
                  name(teacher.stack), name(student.stack));
    check.require(!has_positions(teacher) || !has_positions(student) ||
                      rows_before_first(teacher) == rows_before_first(student),
                  kTeacher, "\"{}\" begins its positions at row {}, the model at row {}",
                  teacher.name, rows_before_first(teacher), rows_before_first(student));
}

/// The layout splits the teacher too.
void check_split(const RequestCheck& check, const ModelSpec& teacher) {
    PlanRequest request = check.request;
    request.model = teacher;
    const RequestCheck as_model(request);
    try {
        check_positions(as_model);
        check_tensor(as_model);
        check_context(as_model);
        if (teacher.moe) check_expert(as_model);
    } catch (const InputError& error) {
        throw InputError(error.pointer(),
                         fmt::format("of the teacher \"{}\": {}", teacher.name, error.sentence()));
    }
}

}  // namespace

void check_distillation(const RequestCheck& check) {
    const auto& distill = check.request.distill;
    if (!distill.is_on()) return;
    const auto& teacher = *distill.teacher;
    validate(teacher, std::string(kTeacher));
    check_alike(check, teacher);
    check.require(distill.weight > 0.0, "distill_weight",
                  "is 0, so the teacher would change nothing");
    const auto& request = check.request;
    check.require(request.train.loss == LossKind::chunked, "loss",
                  "is {}, but with a teacher the loss is chunked: its logits are there a chunk at "
                  "a time",
                  name(request.train.loss));
    check.require(request.layout.pipeline == 1, "pipeline",
                  "is {}, but with a teacher all layers are on one stage", request.layout.pipeline);
    check_split(check, teacher);
}

}  // namespace headroom
