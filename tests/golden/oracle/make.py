#!/usr/bin/env python3
"""Writes the vectors that tests/runtime compares the executor with, from libraries that are not ours.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py

Python 3.11 on a processor (no GPU is used); the versions in requirements.txt made the files that are
committed. Each folder NAME/ holds a tiny model as Hugging Face's own code saves it (config.json,
model.safetensors) and beside it

  oracle.safetensors  tokens, targets (B, T) i32; gradient/<tensor> of the mean loss, all of them;
                      final/<tensor>, some weights after the optimizer steps (of the models that
                      only turn their heads otherwise: gradients of query and key, no weights)
  oracle.json         losses: of the weights as stored, then after each optimizer step; the settings

NAME-lora/ and NAME-dora/ hold an adapter as PEFT saves it, with the same two files; merged/<tensor> are
base weights with the adapter merged in. NAME-qat*/ hold the two files of a model whose linear layers
torchao rounds in training, and in oracle.json how. NAME-taught*/ hold them of a model that learns from
another one beside the tokens, as Hinton et al. 2015 do. NAME-pruned*/ hold tokens, losses and all weights after the
steps of a model that PyTorch pruned before the first (final/<tensor>). nf4.safetensors holds what bitsandbytes' own code gives,
fake_quantize.safetensors what torchao's does.
"""

import copy
import json
import pathlib
import shutil

import torch
import torch.nn.functional as F
import transformers as hf
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parent
VOCAB, BATCH, SEQUENCE, STEPS = 43, 2, 12, 10
ADAMW = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-6, "weight_decay": 0.1,
         "clip": 1.0}

SMALL = {"vocab_size": VOCAB, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
         "max_position_embeddings": 128, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
WIDE = {**SMALL, "hidden_size": 24, "intermediate_size": 40}
GPT = {"vocab_size": VOCAB, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
       "bos_token_id": 1, "eos_token_id": 2}
MOE = {**SMALL, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 12,
       "output_router_logits": False}


def models():
    """Name -> (config, dtype that its file is stored in)."""
    half, whole = torch.bfloat16, torch.float32
    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 64}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
    return {
        "llama": (hf.LlamaConfig(**WIDE, tie_word_embeddings=False), half),
        "qwen2": (hf.Qwen2Config(**WIDE, tie_word_embeddings=True), half),
        "qwen3": (hf.Qwen3Config(**WIDE, tie_word_embeddings=True), half),
        "gemma": (hf.GemmaConfig(**{**WIDE, "head_dim": 12},
                                 hidden_activation="gelu_pytorch_tanh"), half),
        "gpt2": (hf.GPT2Config(vocab_size=VOCAB, n_embd=24, n_layer=2, n_head=4, n_positions=16,
                               bos_token_id=1, eos_token_id=2, resid_pdrop=0.0, embd_pdrop=0.0,
                               attn_pdrop=0.0), whole),
        "mistral": (hf.MistralConfig(**SMALL, sliding_window=5), half),
        "llama3-rope": (hf.LlamaConfig(**SMALL, rope_scaling=llama3), half),
        "yarn-rope": (hf.LlamaConfig(**SMALL, rope_scaling=yarn), half),
        "linear-rope": (hf.LlamaConfig(**SMALL, rope_scaling={"rope_type": "linear",
                                                              "factor": 2.0}), half),
        "gemma2": (hf.Gemma2Config(**SMALL, sliding_window=5, query_pre_attn_scalar=20,
                                   attn_logit_softcapping=2.0, final_logit_softcapping=3.0), half),
        "gemma3": (hf.Gemma3TextConfig(**{**SMALL, "num_hidden_layers": 3}, sliding_window=5,
                                       sliding_window_pattern=2, query_pre_attn_scalar=20,
                                       rope_local_base_freq=100.0, rope_theta=1e6), half),
        "phi3": (hf.Phi3Config(**SMALL, sliding_window=None), half),
        "olmo2": (hf.Olmo2Config(**SMALL), half),
        "granite": (hf.GraniteConfig(**SMALL, embedding_multiplier=3.0, residual_multiplier=0.4,
                                     logits_scaling=1.7, attention_multiplier=0.3), half),
        "gpt_neox": (hf.GPTNeoXConfig(**GPT, intermediate_size=24, max_position_embeddings=64,
                                      rotary_pct=0.5), torch.float16),
        "opt": (hf.OPTConfig(**GPT, ffn_dim=24, max_position_embeddings=64,
                             word_embed_proj_dim=16, dropout=0.0), half),
        "opt-post": (hf.OPTConfig(**GPT, ffn_dim=24, max_position_embeddings=64,
                                  word_embed_proj_dim=8, do_layer_norm_before=False, dropout=0.0),
                     half),
        "bloom": (hf.BloomConfig(vocab_size=VOCAB, hidden_size=16, n_layer=2, n_head=4), half),
        "falcon": (hf.FalconConfig(**GPT, multi_query=True, parallel_attn=True, bias=False,
                                   alibi=False, new_decoder_architecture=False), half),
        "falcon-new": (hf.FalconConfig(**GPT, num_kv_heads=2, new_decoder_architecture=True,
                                       bias=False, alibi=False), half),
        "mixtral": (hf.MixtralConfig(**{**SMALL, "intermediate_size": 12}, num_local_experts=4,
                                     num_experts_per_tok=2, sliding_window=None), half),
        "qwen2_moe": (hf.Qwen2MoeConfig(**{k: v for k, v in MOE.items() if k != "head_dim"}, shared_expert_intermediate_size=20,
                                        norm_topk_prob=False, mlp_only_layers=[0]), half),
        "qwen3_moe": (hf.Qwen3MoeConfig(**MOE, norm_topk_prob=True), half),
    }


ROPE_ONLY = ("llama3-rope", "yarn-rope", "linear-rope")


def is_gain(module, name):
    return "norm" in type(module).__name__.lower() and name == "weight"


def fill(model, generator):
    """Weights wide enough that every part matters to the loss."""
    def normal(parameter, mean, deviation):
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.copy_(mean + deviation * noise)

    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if is_gain(module, name):
                    normal(parameter, 0.0 if "Gemma" in type(module).__name__ else 1.0, 0.2)
                elif parameter.dim() == 1:
                    normal(parameter, 0.0, 0.2)
                elif isinstance(module, torch.nn.Embedding):
                    normal(parameter, 0.0, 0.5)
                else:
                    conv = "Conv1D" in type(module).__name__
                    normal(parameter, 0.0, parameter.shape[0 if conv else -1] ** -0.5)


def batch(generator):
    """Windows of one row of tokens, each target the token that follows. The ids below 3 are padding
    and the like, which some models keep out of the gradient."""
    stream = torch.randint(3, VOCAB, (BATCH * SEQUENCE + 1,), generator=generator)
    return stream[:-1].view(BATCH, SEQUENCE), stream[1:].view(BATCH, SEQUENCE)


def loss_of(model, tokens, targets):
    logits = model(input_ids=tokens, use_cache=False).logits
    return F.cross_entropy(logits.float().view(-1, VOCAB), targets.view(-1))


def train(model, tokens, targets, steps=STEPS, loss_of=loss_of):
    """-> losses before each of the steps and after the last, gradients of the first."""
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    groups = [{"params": [p for p in trained.values() if p.dim() > 1],
               "weight_decay": ADAMW["weight_decay"]},
              {"params": [p for p in trained.values() if p.dim() <= 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=ADAMW["learning_rate"],
                                  betas=(ADAMW["beta1"], ADAMW["beta2"]), eps=ADAMW["epsilon"])
    losses, gradients = [], {}
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model, tokens, targets)
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            gradients = {n: p.grad.clone() for n, p in trained.items()}
        torch.nn.utils.clip_grad_norm_(list(trained.values()), ADAMW["clip"])
        optimizer.step()
    if steps > 1:
        losses.append(loss_of(model, tokens, targets).item())
    return losses, gradients


def well_conditioned(model, tokens, targets, steps=STEPS, double=None, loss_of=loss_of):
    """Whether fp32 and fp64 agree, so that what differs from this is wrong and not bad luck: in the
    gradients, and in ten steps (Adam makes a step of full length of a gradient next to nothing)."""
    losses, gradients = train(copy.deepcopy(model), tokens, targets, steps, loss_of)
    double_losses, double_gradients = train(double or copy.deepcopy(model).double(), tokens,
                                            targets, steps, loss_of)
    return agree((losses, gradients), (double_losses, double_gradients))


def agree(single, double):
    largest = max(g.norm() for g in single[1].values())
    return (all(abs(a - b) < 2e-6 * b for a, b in zip(single[0], double[0])) and
            all((single[1][n] - g).norm() < 2e-6 * max(g.norm(), 0.1 * largest)
                for n, g in double[1].items()))


def seeds(first):
    return range(first, first + 10000, 100)


def settings(**more):
    return {"adamw": ADAMW, "batch": BATCH, "sequence": SEQUENCE, "vocab": VOCAB, **more}


def write(folder, tensors, document):
    tensors = {name: value.detach().contiguous() for name, value in tensors.items()}
    save_file(tensors, folder / "oracle.safetensors")
    (folder / "oracle.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def fresh(name):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def save_model(model, folder, dtype):
    """As a user's file would be: written by transformers, and read back before anything is computed."""
    model.to(dtype).save_pretrained(folder, safe_serialization=True)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return type(model).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)


def new_model(seed, folder, config, dtype):
    """-> the model and a batch; the folder holds the model's files."""
    for at in seeds(seed):
        generator = torch.Generator().manual_seed(at)
        model = hf.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        fill(model, generator)
        model = save_model(model, folder, dtype).train()
        tokens, targets = batch(generator)
        if well_conditioned(model, tokens, targets):
            return model, tokens, targets


def make_model(seed, name, config, dtype):
    folder = fresh(name)
    model, tokens, targets = new_model(seed, folder, config, dtype)
    losses, gradients = train(model, tokens, targets)
    tensors = {"tokens": tokens.int(), "targets": targets.int()}
    kept = gradients if name not in ROPE_ONLY else {
        n: g for n, g in gradients.items() if n.endswith(("q_proj.weight", "k_proj.weight"))}
    tensors |= {f"gradient/{n}": g for n, g in kept.items()}
    if name not in ROPE_ONLY:
        final = list(dict(model.named_parameters()).items())
        tensors |= {f"final/{n}": p for n, p in (final[0], final[2], final[-1])}
    write(folder, tensors, settings(losses=losses))
    return model.num_parameters()


def randomise(model, generator):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            noise = torch.randn(parameter.shape, generator=generator)
            if "magnitude" in name:
                parameter.mul_(1.0 + 0.2 * noise)
            else:
                parameter.copy_(0.5 * noise * (parameter.shape[1] ** -0.5))


def new_adapter(seed, base, dora):
    """-> a base model with an adapter on it, and a batch."""
    import peft

    targets = ["c_attn", "c_fc", "c_proj"] if base == "gpt2" else [
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    for at in seeds(seed):
        generator = torch.Generator().manual_seed(at)
        config = peft.LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets,
                                 use_dora=dora, fan_in_fan_out=base == "gpt2",
                                 task_type="CAUSAL_LM")
        model = hf.AutoModelForCausalLM.from_pretrained(ROOT / base, attn_implementation="eager",
                                                        dtype=torch.float32)
        model = peft.get_peft_model(model, config).train()
        randomise(model, generator)
        tokens, targets_of_tokens = batch(generator)
        if well_conditioned(model, tokens, targets_of_tokens):
            return model, tokens, targets_of_tokens


def save_adapter(model, folder, base):
    """As PEFT saves it, less what differs from run to run."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    document = json.loads(path.read_text())
    document["base_model_name_or_path"] = base
    document["target_modules"] = sorted(document["target_modules"])
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def make_adapter(seed, base, dora):
    folder = fresh(f"{base}-{'dora' if dora else 'lora'}")
    model, tokens, targets = new_adapter(seed, base, dora)
    save_adapter(model, folder, base)
    merged = copy.deepcopy(model).merge_and_unload().state_dict()
    losses, gradients = train(model, tokens, targets)
    tensors = {"tokens": tokens.int(), "targets": targets.int()}
    tensors |= {f"gradient/{stored_name(n)}": g for n, g in gradients.items()}
    keep = [n for n in merged if ".1." in n and n.endswith(("k_proj.weight", "down_proj.weight",
                                                           "c_attn.weight"))]
    tensors |= {f"merged/{n}": merged[n] for n in keep}
    write(folder, tensors, settings(losses=losses, base=base))


def stored_name(name):
    """PEFT's name in a file: without that of the adapter."""
    name = name.replace(".default.weight", ".weight")
    return name.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def rounded(base, weights, group, activations):
    """The base model with torchao's fake quantization in all linear layers but the head."""
    from torchao.quantization import quantize_
    from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig

    types = {"int4": torch.int4, "int8": torch.int8}
    model = hf.AutoModelForCausalLM.from_pretrained(ROOT / base, attn_implementation="eager",
                                                    dtype=torch.float32)
    across = {"group_size": group} if group else {"granularity": "per_channel"}
    quantize_(model, QATConfig(
        weight_config=IntxFakeQuantizeConfig(types[weights], **across),
        activation_config=IntxFakeQuantizeConfig(types[activations], "per_token",
                                                 is_symmetric=False) if activations else None,
        step="prepare"), lambda module, name: isinstance(module, torch.nn.Linear) and
        name != "lm_head")
    return model.train()


class Rounded(torch.nn.Linear):
    """The same in fp64, which torchao does not take, but for the codes: the largest number of a group
    lies in the middle between two of them, so fp32 decides."""

    def __init__(self, linear, weights, group, activations):
        super().__init__(linear.in_features, linear.out_features, bias=False)
        self.weight = linear.weight
        self.kinds = {"int4": 4, "int8": 8}.get(weights), group, bool(activations)

    @staticmethod
    def straight(x, bits, symmetric):
        low, high = -2.0 ** (bits - 1), 2.0 ** (bits - 1) - 1
        single = x.detach().float()
        least, most = single.amin(-1, True).clamp(max=0), single.amax(-1, True).clamp(min=0)
        scale = (torch.maximum(-least, most) * 2 if symmetric else most - least) / (high - low)
        zero = 0.0 if symmetric else low - torch.round(least / scale)
        code = torch.round(single * (1.0 / scale)) + zero
        passed = x * ((code >= low) & (code <= high))
        return passed + ((code.clamp(low, high) - zero) * scale - passed).detach()

    def forward(self, x):
        bits, group, activations = self.kinds
        rows = self.weight.view(-1, group or self.in_features)
        weight = self.straight(rows, bits, True).view_as(self.weight)
        return F.linear(self.straight(x, 8, False) if activations else x, weight)


def rounded_in_double(base, *kinds):
    model = hf.AutoModelForCausalLM.from_pretrained(ROOT / base, attn_implementation="eager",
                                                    dtype=torch.float64)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear) and name != "lm_head":
                setattr(module, name, Rounded(child, *kinds))
    return model.train()


def make_qat(seed, folder, base, weights, group, activations):
    """Of one step: the next would begin with weights that differ in their last bit and so, where a
    group's largest is concerned, in a code. Seeds decide about the tokens until fp32 and fp64 agree."""
    folder = fresh(folder)
    for at in seeds(seed):
        tokens, targets = batch(torch.Generator().manual_seed(at))
        model = rounded(base, weights, group, activations)
        double = rounded_in_double(base, weights, group, activations)
        if well_conditioned(model, tokens, targets, 1, double):
            break
    else:
        raise RuntimeError(f"no batch for {folder.name}")
    losses, gradients = train(model, tokens, targets, 1)
    tensors = {"tokens": tokens.int(), "targets": targets.int()}
    tensors |= {f"gradient/{n}": g for n, g in gradients.items()}
    write(folder, tensors, settings(losses=losses, base=base, weights=weights, group=group,
                                    activations=activations or "none"))


def stored_model(name, dtype=torch.float32):
    return hf.AutoModelForCausalLM.from_pretrained(ROOT / name, attn_implementation="eager",
                                                   dtype=dtype)


def taught_by(name, temperature, weight):
    """-> a loss: (1 - weight) * cross-entropy + weight * T^2 * KL(teacher || student), both softened."""
    teachers = {dtype: stored_model(name, dtype).eval() for dtype in (torch.float32, torch.float64)}

    def soft(logits):
        return F.log_softmax(logits.view(-1, VOCAB) / temperature, dim=-1)

    def loss(model, tokens, targets):
        logits = model(input_ids=tokens, use_cache=False).logits
        with torch.no_grad():
            shown = teachers[logits.dtype](input_ids=tokens, use_cache=False).logits
        hard = F.cross_entropy(logits.view(-1, VOCAB), targets.view(-1))
        apart = F.kl_div(soft(logits), soft(shown), log_target=True, reduction="batchmean")
        return (1.0 - weight) * hard + weight * temperature ** 2 * apart

    return loss


def make_taught(seed, folder, base, teacher, temperature, weight):
    folder = fresh(folder)
    loss = taught_by(teacher, temperature, weight)
    for at in seeds(seed):
        tokens, targets = batch(torch.Generator().manual_seed(at))
        model = stored_model(base).train()
        if well_conditioned(model, tokens, targets, loss_of=loss):
            break
    else:
        raise RuntimeError(f"no batch for {folder.name}")
    losses, gradients = train(model, tokens, targets, loss_of=loss)
    tensors = {"tokens": tokens.int(), "targets": targets.int()}
    tensors |= {f"gradient/{n}": g for n, g in gradients.items()}
    write(folder, tensors, settings(losses=losses, base=base, teacher=teacher,
                                    temperature=temperature, weight=weight))


def pruned(base, pattern, sparsity, dtype):
    """The base model with the smallest weights of its blocks' linear layers held at 0. Equal ones, of
    which bf16 makes many in a whole matrix, go in no order that PyTorch promises."""
    from torch.ao.pruning import WeightNormSparsifier
    from torch.nn.utils import prune
    from transformers.pytorch_utils import Conv1D

    model = stored_model(base, dtype).train()
    layers = {n: m for n, m in model.named_modules()
              if isinstance(m, (torch.nn.Linear, Conv1D)) and n != "lm_head"}
    if pattern == "2:4":
        sparsifier = WeightNormSparsifier(sparsity_level=1.0, sparse_block_shape=(1, 4),
                                          zeros_per_block=2)
        sparsifier.prepare(model, [{"tensor_fqn": f"{n}.weight"} for n in layers])
        sparsifier.step()
    else:
        for layer in layers.values():
            prune.l1_unstructured(layer, "weight", sparsity)
    return model


def weights_of(model):
    tied = {"lm_head"} if model.config.tie_word_embeddings else set()
    return {f"{n}.weight": m.weight.detach() for n, m in model.named_modules()
            if isinstance(getattr(m, "weight", None), torch.Tensor) and n not in tied}


def make_pruned(seed, folder, base, pattern, sparsity):
    """`base`: a folder, or the config of a model of its own, stored in fp32."""
    folder = fresh(folder)
    if not isinstance(base, str):
        new_model(seed, folder, base, torch.float32)
        base = folder.name
    for at in seeds(seed):
        tokens, targets = batch(torch.Generator().manual_seed(at))
        model, double = (pruned(base, pattern, sparsity, t) for t in (torch.float32, torch.float64))
        single = train(model, tokens, targets)
        if agree(single, train(double, tokens, targets)):
            break
    else:
        raise RuntimeError(f"no batch for {folder.name}")
    tensors = {"tokens": tokens.int(), "targets": targets.int()}
    tensors |= {f"final/{n}": w for n, w in weights_of(model).items()}
    write(folder, tensors, settings(losses=single[0], base=base, pattern=pattern,
                                    sparsity=sparsity))


def make_nf4(seed):
    """bitsandbytes' codes of a matrix of 288 blocks, plain scales and scales quantized in their turn."""
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn((72, 256), generator=generator) * torch.rand((72, 1), generator=generator)
    weight = weight.to(torch.bfloat16).float()
    codes, plain = quantize_4bit(weight, blocksize=64, quant_type="nf4")
    same, nested = quantize_4bit(weight, blocksize=64, quant_type="nf4", compress_statistics=True)
    assert torch.equal(same, codes)
    tensors = {"weight": weight.to(torch.bfloat16), "codes": codes.flatten(),
               "levels": plain.code, "absmax": plain.absmax,
               "dequantized.last_rows": dequantize_4bit(codes, plain)[-8:],
               "nested.absmax": nested.absmax, "nested.offset": nested.offset.reshape(1),
               "nested.super_absmax": nested.state2.absmax, "nested.levels": nested.state2.code,
               "nested.dequantized.last_rows": dequantize_4bit(codes, nested)[-8:]}
    save_file({n: t.contiguous() for n, t in tensors.items()}, ROOT / "nf4.safetensors")


def fake_quantize_rows(generator):
    """Rows of 64: of two sizes, of zeros, on one side of 0, too small for a scale of their own, and of
    halves that 4 bits round to even (the scale of their groups is 1)."""
    normal = torch.randn((6, 64), generator=generator)
    halves = torch.randint(-8, 7, (64,), generator=generator) + 0.5
    halves[::32] = 7.5
    return torch.stack([normal[0], 100.0 * normal[1], 0.0 * normal[2], normal[3].abs(),
                        1e-7 * normal[4], halves])


def fake_quantize(x, bits, group, kind):
    """-> x fake quantized, with its gradient on the tape; the scale is a constant, as in QAT."""
    from torchao.quantization import quant_primitives as ao

    low, high, block = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, (1, group)
    scale, zero = ao.choose_qparams_affine(x, ao.MappingType[kind], block, torch.int8, low, high)
    return ao._fake_quantize_affine(x, block, scale, zero, torch.int32, low, high)


def check_fake_quantizers(x):
    """What torchao's own module computes."""
    from torchao.quantization import qat

    def module(*config, **more):
        return qat.IntxFakeQuantizer(qat.IntxFakeQuantizeConfig(*config, **more))(x)

    assert torch.equal(fake_quantize(x, 4, 32, "SYMMETRIC"), module(torch.int4, group_size=32))
    assert torch.equal(fake_quantize(x, 8, 64, "SYMMETRIC"), module(torch.int8, "per_channel"))
    assert torch.equal(fake_quantize(x, 8, 64, "ASYMMETRIC"),
                       module(torch.int8, "per_token", is_symmetric=False))


def make_fake_quantize(seed):
    """torchao's fake quantization of a matrix and the gradient of it by its own backward pass."""
    generator = torch.Generator().manual_seed(seed)
    x = fake_quantize_rows(generator)
    check_fake_quantizers(x)
    dy = torch.randn(x.shape, generator=generator)
    dy += 0.1 * dy.sign()  # a zero in the gradient is one that fake quantization made
    tensors = {"x": x, "dy": dy}
    for name, bits, group, kind in [("int4.group", 4, 32, "SYMMETRIC"),
                                    ("int8.row", 8, 64, "SYMMETRIC"),
                                    ("int8.token", 8, 64, "ASYMMETRIC"),
                                    ("int4.asymmetric", 4, 32, "ASYMMETRIC")]:
        leaf = x.clone().requires_grad_()
        y = fake_quantize(leaf, bits, group, kind)
        y.backward(dy)
        tensors |= {f"{name}.y": y.detach(), f"{name}.dx": leaf.grad}
    whole = fake_quantize(x.bfloat16().float(), 4, 32, "SYMMETRIC")
    tensors["int4.group.y.bf16"] = whole.bfloat16()
    save_file(tensors, ROOT / "fake_quantize.safetensors")


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for seed, (name, (config, dtype)) in enumerate(models().items()):
        print(name, make_model(1000 + seed, name, config, dtype))
    for seed, (base, dora) in enumerate([("llama", False), ("llama", True), ("qwen2", True),
                                         ("gpt2", False)]):
        make_adapter(2000 + seed, base, dora)
    make_nf4(3000)
    make_qat(4000, "llama-qat", "llama", "int4", 8, None)
    make_qat(4001, "llama-qat-activations", "llama", "int8", 0, "int8")
    make_fake_quantize(4000)
    make_pruned(6000, "gpt2-pruned", "gpt2", "unstructured", 0.7)
    make_pruned(6001, "llama-pruned-2-of-4", hf.LlamaConfig(**WIDE, tie_word_embeddings=False),
                "2:4", 0.5)
    make_taught(5000, "llama-taught", "llama", "gemma2", 2.0, 0.5)
    make_taught(5001, "gpt2-taught", "gpt2", "qwen2", 1.0, 0.9)


if __name__ == "__main__":
    main()
