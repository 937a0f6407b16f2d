# Completion of headroom for bash; written by `headroom completion bash`.
_headroom() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "model hardware plan predict explain run compare calibrate schema claims score doctor --help --version" -- "$current")
        return
    fi
    case $before in
        -o | --output)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --profiles)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --hardware-file)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --gpu)
            mapfile -t COMPREPLY < <(compgen -W "$(headroom hardware list -q 2>/dev/null)" -f -- "$current")
            return
            ;;
        --gpus)
            :
            return
            ;;
        --node)
            mapfile -t COMPREPLY < <(compgen -W "$(headroom hardware nodes -q 2>/dev/null)" -f -- "$current")
            return
            ;;
        --usd-per-gpu-hour)
            :
            return
            ;;
        --teacher)
            mapfile -t COMPREPLY < <(compgen -W "$(headroom model -q 2>/dev/null)" -f -- "$current")
            return
            ;;
        --goal)
            mapfile -t COMPREPLY < <(compgen -W "pretrain finetune adapt" -- "$current")
            return
            ;;
        --sequence)
            :
            return
            ;;
        --global-batch)
            :
            return
            ;;
        --tokens)
            :
            return
            ;;
        --budget-usd)
            :
            return
            ;;
        --optimize)
            mapfile -t COMPREPLY < <(compgen -W "time cost memory" -- "$current")
            return
            ;;
        --pin)
            mapfile -t COMPREPLY < <(compgen -W "goal= sequence= micro_batch= accumulation= tokens= compute= master= gradient= optimizer= loss= loss_chunk= attention= dropout= capacity_factor= moe_imbalance= aux_loss= z_loss= data= tensor= sequence_parallel= context= context_kind= pipeline= schedule= interleave= expert= zero= shard= prefetch= recompute= recompute_every= recompute_ops= offload_optimizer= offload_parameters= offload_activations= adapter= lora_rank= lora_alpha= lora_dropout= lora_targets= lora_dtype= double_quant= paged_optimizer= qat= qat_group= qat_activations= prune= prune_sparsity= teacher_weights= distill_temperature= distill_weight=" -- "$current")
            return
            ;;
        --engine)
            mapfile -t COMPREPLY < <(compgen -W "deepspeed deepspeed-llamafactory deepspeed-zero deepspeed-zero-2021 fsdp fsdp-fsdp1 fsdp-llm-foundry fsdp-torchtitan fsdp-torchtitan-2024 fsdp-torchtitan-eager headroom hf hf-axolotl hf-fsdp-qlora hf-trainer litgpt litgpt-2023 litgpt-recipe llm.c llm.c-2024 llmq llmq-2025 megatron megatron-2022 megatron-bridge megatron-core megatron-core-2026 megatron-core-2026-08 megatron-hai-llm megatron-internevo megatron-lm megatron-nanotron torchtune torchtune-compiled torchtune-recipe" -- "$current")
            return
            ;;
        --steps)
            :
            return
            ;;
        --rank)
            :
            return
            ;;
        --device)
            mapfile -t COMPREPLY < <(compgen -W "auto cpu cuda" -- "$current")
            return
            ;;
        --policy)
            mapfile -t COMPREPLY < <(compgen -W "planned per-tensor" -- "$current")
            return
            ;;
        --attention)
            mapfile -t COMPREPLY < <(compgen -W "mma wgmma" -- "$current")
            return
            ;;
        --data)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --data-format)
            mapfile -t COMPREPLY < <(compgen -W "detect text u16 u32" -- "$current")
            return
            ;;
        --init)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --init-teacher)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --init-adapter)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --save)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --save-adapter)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --checkpoint)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --checkpoint-every)
            :
            return
            ;;
        --resume)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
        --seed)
            :
            return
            ;;
        --lr)
            :
            return
            ;;
        --schedule)
            mapfile -t COMPREPLY < <(compgen -W "constant cosine" -- "$current")
            return
            ;;
        --warmup)
            :
            return
            ;;
        --weight-decay)
            :
            return
            ;;
        --beta1)
            :
            return
            ;;
        --beta2)
            :
            return
            ;;
        --epsilon)
            :
            return
            ;;
        --momentum)
            :
            return
            ;;
        --clip)
            :
            return
            ;;
        --loss-scale)
            :
            return
            ;;
        --growth-interval)
            :
            return
            ;;
        --group)
            :
            return
            ;;
        --plots)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return
            ;;
    esac
    case ${COMP_WORDS[1]} in
        model)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -W "$(headroom model -q 2>/dev/null)" -f -- "$current")
            fi
            ;;
        hardware)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -W "list nodes show detect $(headroom hardware list -q 2>/dev/null)" -f -- "$current")
            fi
            ;;
        plan)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --gpu --gpus --node --usd-per-gpu-hour --teacher --goal --sequence --global-batch --tokens --budget-usd --optimize --pin --engine --ladder --longest-sequence --largest-micro-batch --fewest-gpus --cheapest-gpu --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -W "$(headroom model -q 2>/dev/null)" -f -- "$current")
            fi
            ;;
        predict)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --engine --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            fi
            ;;
        explain)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            fi
            ;;
        run)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --detect --steps --rank --device --policy --attention --json-lines --anyway --data --data-format --init --init-teacher --init-adapter --save --merge --save-adapter --checkpoint --checkpoint-every --resume --seed --lr --schedule --warmup --weight-decay --beta1 --beta2 --epsilon --momentum --clip --loss-scale --growth-interval --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            fi
            ;;
        compare)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            fi
            ;;
        calibrate)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            fi
            ;;
        schema)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -W "plan request hardware model node prices" -- "$current")
            fi
            ;;
        claims)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --markdown --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                :
            fi
            ;;
        score)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --group --all --fit --markdown --plots --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            fi
            ;;
        doctor)
            if [[ $current == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "-h --help --json -q --quiet --no-color -o --output --profiles --hardware-file" -- "$current")
            else
                :
            fi
            ;;
    esac
}
complete -o filenames -F _headroom headroom
