#pragma once

#include "planner/score/row_request.h"

namespace headroom {

/// The engine that a row's framework and method mean; nullptr when none does.
const Engine* row_engine(const MeasuredRow& row);
/// Reads precision, optimizer and batch from a row's words.
void read_training(const MeasuredRow& row, ExpressedRow& out);
void read_layout(const MeasuredRow& row, ExpressedRow& out);
/// Whether experts are not cut over the tensor ranks, which then are ranks of the expert group.
bool experts_span_tensor(const MeasuredRow& row, const PlanRequest& request);
/// Reads how the loss is taken, which depends on the layout.
void read_loss(const MeasuredRow& row, ExpressedRow& out);
void read_recompute(const MeasuredRow& row, ExpressedRow& out);
void read_adapter(const MeasuredRow& row, ExpressedRow& out);
void read_execution(const MeasuredRow& row, ExpressedRow& out);
void read_offload(const MeasuredRow& row, ExpressedRow& out);

}  // namespace headroom
