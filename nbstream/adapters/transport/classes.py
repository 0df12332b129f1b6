"""What kind of error a provider's answer is: one table, its code first and its words last."""

from __future__ import annotations

import re
from typing import NamedTuple

from nbstream.events.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    ModelNotFoundError,
    ProviderError,
    RateLimitError,
    ServerError,
)


class Class(NamedTuple):
    """`retryable` is None where the error's own kind says it."""

    kind: type[ProviderError]
    retryable: bool | None = None


class _Row(NamedTuple):
    """`codes` decide alone. `words` do where the status is none of `never`."""

    made: Class
    codes: str
    words: str = ""
    never: tuple[int, ...] = ()


_CONTEXT = Class(ContextLengthError)
_FILTER = Class(ContentFilterError)
_NO_MONEY = Class(RateLimitError, retryable=False)
_CHANCE = Class(ProviderError, retryable=True)
_MODEL = Class(ModelNotFoundError)
_KEY = Class(AuthenticationError)
_RATE = Class(RateLimitError)
_SERVER = Class(ServerError)

#: From the most to the least specific. A code is matched whole, in lower case; words anywhere.
_ROWS = (
    _Row(
        _CONTEXT,
        "context_length_exceeded exceed_context_size_error contextwindowexceedederror "
        "context_window_exceeded model_context_window_exceeded tokens_limit_reached "
        "model_max_prompt_tokens_exceeded prompt_too_long context_size_exceeded",
        r"context[ _]?(length|window|size|limit)|context the overflows|available context"
        r"|(prompt|input|inputs|conversation|messages?|request)( is| are|'s)? too long"
        r"|too many (input |prompt )?tokens|too large for model with"
        r"|maximum (context|prompt|model|input|sequence|allowed)[ _]?(length|size)"
        r"|maximum (number of )?(input |prompt )?tokens\b"
        r"|`?inputs`? tokens \+|range of input length|input length.{0,40}(exceed|too|larger|longer)"
        r"|exceed\w* (the )?(model|context|input|prompt)( token)?( limit|'s)"
        r"|exceeds?.{0,30}(context|token limit)|(prompt|input) (tokens?|length).{0,30}exceed"
        r"|reduce the length of the (messages|prompt|input)|longer than the (maximum|model)"
        r"|n_keep >= n_ctx|body too large for .{1,60} model\. max size: \d+ tokens",
        never=(401, 402, 403, 404, 429),
    ),
    _Row(
        _FILTER,
        "content_filter content_policy_violation contentpolicyviolationerror content_policy "
        "responsibleaipolicyviolation data_inspection_failed datainspectionfailed moderation_blocked "
        "safety safety_check image_safety prohibited_content sensitive_words_detected",
        r"content management policy|content exists risk|violates? (our |the )?(usage|content) "
        r"(guidelines|polic)|flagged (as|by|for)|inappropriate content|content[ _]filter",
        never=(401, 404, 429),
    ),
    _Row(
        _NO_MONEY,
        "insufficient_quota billing_hard_limit_reached billing_not_active billing_error "
        "exceeded_current_quota_error insufficient_balance insufficient_credits insufficient_funds "
        "insufficient_user_quota payment_required credit_required arrearage account_deactivated "
        "budget_exceeded",
        r"check your plan and billing|insufficient (balance|credits?|funds|quota)"
        r"|credit balance is too low|out of credits|not enough credits|used all available credits"
        r"|requires more credits|billing (hard )?limit|no active subscription|exceeded your monthly"
        r"|payment required",
    ),
    _Row(
        _CHANCE,
        "tool_use_failed json_validate_failed output_parse_failed malformed_function_call",
        r"failed to (call a function|generate json)|failed_generation"
        r"|produced output that does not match the expected",
        never=(401, 403, 404, 429),
    ),
    _Row(
        _KEY,
        "invalid_api_key incorrect_api_key api_key_invalid invalidapikey authentication_error "
        "authenticationerror invalid_authentication_error invalid_authentication unauthenticated "
        "unauthorized permission_denied permission_error permissiondeniederror access_denied "
        "accessdeniedexception unrecognizedclientexception invalid_token expired_token token_expired "
        "expiredtokenexception api_key_service_blocked api_key_expired missing_api_key "
        "no_api_key invalidsignatureexception unsupported_country_region_territory",
        r"(incorrect|invalid|missing|expired|wrong|bad|malformed) (x-)?api[ _-]?key"
        r"|api[ _-]?key (is )?(not valid|invalid|missing|expired|not found|incorrect|required|wrong)"
        r"|no (valid )?api[ _-]?key|(provide|pass|check) (a|your) (valid )?api[ _-]?key"
        r"|invalid (authentication|credentials|access token|bearer token|token\b)"
        r"|unauthorized|not authorized|authentication (failed|required|fails)",
        never=(404, 429),
    ),
    _Row(
        _MODEL,
        "model_not_found model_not_exist modelnotfound model_not_exists unknown_model invalid_model "
        "model_not_available model_not_supported model_decommissioned deploymentnotfound "
        "deployment_not_found modelnotfounderror model_unavailable invalid_model_id",
        r"model[^\n]{0,90}?\b(not (found|exist|available|supported by|deployed)|does(n't| not) exist"
        r"|is not found|has been (decommissioned|deprecated|retired|shut down)|is not a valid"
        r"|could not be found|no longer (available|supported)|not a valid)"
        r"|(not found|unknown|invalid|unsupported|no such|nonexistent|unrecogni[sz]ed)"
        r"( the)?( requested)? model\b(?! output)"
        r"|not a valid model|model (identifier|id|name)[^.\n]{0,80}?\b(invalid|is not|unknown)"
        r"|invalid model (name|id|identifier)|unable to access model|model not exist"
        r"|(api )?deployment for this resource does not exist|no models? (is |are )?loaded"
        r"|failed to load model|no endpoints found for|unavailable model|try pulling it|could not find (real )?model",
        never=(401, 429),
    ),
    _Row(
        _RATE,
        "rate_limit_exceeded rate_limit_error rate_limit_reached_error ratelimiterror rate_limited "
        "resource_exhausted throttlingexception throttled too_many_requests toomanyrequestsexception "
        "requests_limit_exceeded servicequotaexceededexception limit_requests "
        "throttling throttling.ratequota throttling.allocationquota",
        r"too many requests|rate[ _-]?limit(ed|s| exceeded| reached)",
        never=(400, 401, 403, 404, 422),
    ),
    _Row(
        _SERVER,
        "overloaded_error engine_overloaded_error server_error internal_server_error api_error "
        "unavailable service_unavailable internal internalserverexception modelnotreadyexception "
        "serviceunavailableexception overloaded timeout deadline_exceeded internalservererror "
        "model_overloaded",
        r"overloaded|temporarily unavailable",
        never=(400, 401, 403, 404, 422),
    ),
)
#: Codes of this many rows say more than any words; those of the rest ("server_error") say little.
_TELLING = 6

_CODES = [(row.made, frozenset(row.codes.split())) for row in _ROWS]
_WORDS = [(row.made, re.compile(row.words, re.IGNORECASE), row.never) for row in _ROWS]

#: A template that fails does so again.
_IN_VAIN = re.compile(r"jinja|chat template|template error|conversation roles", re.IGNORECASE)
#: Waiting makes a request no smaller, and a day no shorter.
_TOO_MUCH = re.compile(r"request too large|per ?day\b", re.IGNORECASE)


def classify(status: int | None, code: str, message: str) -> Class:
    """The kind of an error. `code` may hold several, parted by spaces."""
    codes = set(code.lower().split())
    for made, known in _CODES[:_TELLING]:
        if codes & known:
            return made
    for made, words, never in _WORDS[: _TELLING + 1]:
        if status in never or not words.search(message):
            continue
        if made is _NO_MONEY and "resource_exhausted" in codes:
            made = _RATE  # Google says "billing" of every limit, also of that of a minute
        return _rate(message) if made is _RATE else made
    if status in (401, 403):
        return _KEY
    if status == 402:
        return _NO_MONEY
    if status == 404 and ("model" in message.lower() or any("model" in c for c in codes)):
        return _MODEL
    if status == 429:
        return _rate(message)
    for made, known in _CODES[_TELLING:]:
        if codes & known:
            return _rate(message) if made is _RATE else made
    if re.search(r"rate_?limit|quota|throttl", code, re.IGNORECASE):
        return _rate(message)
    if (status or 0) >= 500 or (_WORDS[-1][1].search(message) and status not in _WORDS[-1][2]):
        return Class(ServerError, retryable=False if _IN_VAIN.search(message) else None)
    if status in (408, 409, 425):
        return _CHANCE
    return Class(ProviderError)


def _rate(message: str) -> Class:
    return Class(RateLimitError, retryable=False if _TOO_MUCH.search(message) else None)
