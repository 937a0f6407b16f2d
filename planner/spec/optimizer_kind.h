#pragma once

namespace headroom {

enum class OptimizerKind { adamw, sgd, lion, adafactor, adamw8bit };

}  // namespace headroom
