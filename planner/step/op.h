#pragma once

#include <variant>

#include "planner/step/op/activation.h"
#include "planner/step/op/attention.h"
#include "planner/step/op/collective.h"
#include "planner/step/op/dora.h"
#include "planner/step/op/eager_attention.h"
#include "planner/step/op/elementwise.h"
#include "planner/step/op/embedding.h"
#include "planner/step/op/grouped_linear.h"
#include "planner/step/op/latent.h"
#include "planner/step/op/linear.h"
#include "planner/step/op/loss.h"
#include "planner/step/op/norm.h"
#include "planner/step/op/optimizer.h"
#include "planner/step/op/quantize.h"
#include "planner/step/op/rope.h"
#include "planner/step/op/routing.h"
#include "planner/step/op/transfer.h"

namespace headroom {

/// Every op there is. An op is a small value: its name, its attributes, what it puts out, the work
/// it does, and, if differentiable, its backward rule.
using Op =
    std::variant<Embedding, EmbeddingGrad, AddEmbedding,                                  //
                 Linear, LinearAdd, LinearGradInput, LinearGradWeight, BiasGrad,          //
                 GroupedLinear, GroupedGradInput, GroupedGradWeight,                      //
                 Norm, NormGrad, Rope,                                                    //
                 Attention, AttentionGrad, Scores, ScoresGrad, Softmax, SoftmaxGrad,      //
                 Context, ContextGrad,                                                    //
                 Activate, ActivateGrad,                                                  //
                 Add, Accumulate, Dropout, DropoutGrad, Cast, SplitColumns, JoinColumns,  //
                 ScaleColumns, ScaleColumnsGrad, GateRows, GateRowsGrad, PoolRows,        //
                 TopK, TopKGrad, Permute, PermuteGrad, Unpermute, UnpermuteGrad,          //
                 LatentKv, LatentKvGrad,                                                  //
                 CrossEntropy, CrossEntropyGrad, HeadLoss,                                //
                 Collective, Receive, CopyToGroup, Wait, Transfer,                        //
                 GradNorm, Update,                                                        //
                 Dequantize, FakeQuantize, FakeQuantizeGrad, DoraNorm, DoraGrad, MaskGradient>;

}  // namespace headroom
