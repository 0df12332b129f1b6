"""Names of options: what callers write and providers take, so that a misspelt one is noticed.

An option nobody here knows goes to the provider as it is. Only one that looks like a known name, and is
none, is worth a warning.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: How alike two names are, from 0 to 1, where one is taken for the other misspelt.
ALIKE = 0.8

#: What `stream`, `Agent`, `compare` and `gather` take themselves.
PARAMETERS = frozenset(
    """approval_default approval_timeout approve concurrency context description history log max_cost
    max_iterations max_seconds max_tokens model models name output_type prompt prompts repair retries stop
    system temperature timeout title tools top_p use_history""".split()
)

#: What providers and servers take beside those.
PROVIDER_OPTIONS = frozenset(
    # OpenAI's chat completions and Responses
    """audio background conversation extra_body extra_headers extra_query frequency_penalty function_call
    functions include instructions logit_bias logprobs max_completion_tokens max_output_tokens max_tool_calls
    metadata modalities moderation n parallel_tool_calls prediction presence_penalty previous_response_id
    prompt_cache_key prompt_cache_retention reasoning reasoning_effort response_format safety_identifier seed
    service_tier store stream stream_options text tool_choice top_logprobs truncation user verbosity
    web_search_options"""
    # Anthropic
    """ betas cache_control container context_management effort inference_geo mcp_servers output_config
    output_format speed stop_sequences thinking top_k"""
    # Gemini and Vertex AI
    """ audioTimestamp cachedContent candidateCount enableEnhancedCivicAnswers frequencyPenalty imageConfig
    labels maxOutputTokens mediaResolution presencePenalty responseJsonSchema responseLogprobs
    responseMimeType responseModalities responseSchema routingConfig safetySettings safety_settings
    speechConfig stopSequences systemInstruction thinkingConfig toolConfig topK topP"""
    # Ollama
    """ draft_num_predict format images keep_alive low_vram main_gpu mirostat mirostat_eta mirostat_tau
    num_batch num_ctx num_gpu num_gqa num_keep num_predict num_thread numa options penalize_newline raw
    repeat_last_n repeat_penalty suffix template tfs_z think typical_p use_mlock use_mmap vocab_only"""
    # llama.cpp and LM Studio
    """ cache_prompt chat_template_kwargs draft_model dry_allowed_length dry_base dry_multiplier
    dry_penalty_last_n dry_sequence_breakers dynatemp_exponent dynatemp_range grammar id_slot ignore_eos
    json_schema lora min_keep min_p n_discard n_indent n_keep n_predict n_probs parse_tool_calls
    post_sampling_probs reasoning_budget reasoning_format response_fields return_progress return_tokens
    samplers t_max_predict_ms thinking_forced_open timings_per_token top_n_sigma ttl typ_p xtc_probability
    xtc_threshold"""
    # vLLM
    """ add_generation_prompt add_special_tokens allowed_token_ids bad_words best_of cache_salt chat_template
    continue_final_message documents echo guided_choice guided_decoding_backend guided_grammar guided_json
    guided_regex guided_whitespace_pattern include_stop_str_in_output kv_transfer_params length_penalty
    logits_processors min_tokens mm_processor_kwargs priority prompt_logprobs repetition_penalty request_id
    return_token_ids return_tokens_as_token_ids skip_special_tokens spaces_between_special_tokens
    stop_token_ids structural_tag structured_outputs truncate_prompt_tokens use_beam_search vllm_xargs"""
    # OpenRouter, Groq, Mistral, xAI, Together, Fireworks, Cerebras, Perplexity, DashScope, Cohere, watsonx
    """ citation_options clear_thinking compliance compound_custom context_length_exceeded_behavior debug
    decoding_method deferred disable_reasoning disable_search disable_tool_validation enable_search
    enable_search_classifier enable_thinking exclude_domains frequency_penalty image_config
    image_domain_filter image_format_filter include_domains include_reasoning incremental_output k
    language_preference last_updated_after_filter last_updated_before_filter max_new_tokens media_response
    min_new_tokens mirostat_lr mirostat_target num_search_results p perf_metrics_in_response plugins
    preset project_id prompt_mode prompt_truncate_len provider random_seed raw_output raw_prompting
    result_format return_images return_related_questions route safe_prompt safety_mode safety_model
    search_after_date_filter search_before_date_filter search_context_size search_domain_filter search_mode
    search_parameters search_recency_filter search_settings session_id space_id speculation stream_mode
    strict_tools thinking_budget time_limit top_a trace transforms usage web_search"""
    # litellm
    """ additional_drop_params allowed_openai_params api_base api_key api_type api_version base_url cache
    caching context_window_fallback_dict custom_llm_provider deployment_id drop_params fallbacks
    force_timeout guardrails guardrailConfig headers hf_model_name input_cost_per_token
    input_cost_per_second logger_fn max_retries mock_response mock_tool_calls model_list num_retries
    organization output_cost_per_token output_cost_per_second performanceConfig proxy_server_request
    region_name request_timeout retry_policy rpm ssl_verify stream_timeout tags tpm verbose verify""".split()
)


def misspelt(options: Iterable[str]) -> str:
    """What to say of options that look like the name of another, "" where none does."""
    likely = {name: near for name in options if (near := _meant(name))}
    return "; ".join(
        f"option {name!r} goes to the provider as it is: did you mean {near!r}?"
        for name, near in likely.items()
    )


def _meant(name: str) -> str | None:
    """The known name that an unknown one is likely to be."""
    if name in PARAMETERS or name in PROVIDER_OPTIONS:
        return None
    for known in (PARAMETERS, PROVIDER_OPTIONS):
        for near in difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=ALIKE):
            if not (name.startswith(f"{near}_") or name.endswith(f"_{near}")):  # aws_region_name
                return near
    return None
