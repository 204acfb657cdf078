//! The SDKs of OpenAI and Anthropic, and classes of the same names that are not theirs.

use super::{Case, ONE, check};

const KEYS: &[Case] = &[
    (
        ONE,
        "OpenAIError: Missing credentials. Please pass an `apiKey`, `workloadIdentity`, or set the \
         `OPENAI_API_KEY` environment variable.\n    at new OpenAI (/w/x.js:1:1)",
        "`OPENAI_API_KEY` is not passed on: arcanos has none (set it under `[env.set]`): OpenAIError: \
         Missing credentials. Please pass an `apiKey`, `workloadIdentity`, or set the `OPENAI_API_KEY` \
         environment variable.",
    ),
    (
        ONE,
        "OpenAIError: Missing credentials. Please pass one of `apiKey` and `azureADTokenProvider`, or \
         set the `AZURE_OPENAI_API_KEY` environment variable.\n    at new AzureOpenAI (/w/x.js:1:1)",
        "`AZURE_OPENAI_API_KEY` is not passed on: arcanos has none (set it under `[env.set]`): \
         OpenAIError: Missing credentials. Please pass one of `apiKey` and `azureADTokenProvider`, or set \
         the `AZURE_OPENAI_API_KEY` environment variable.",
    ),
    (
        ONE,
        "Error: The OPENAI_API_KEY environment variable is missing or empty; either provide it, or \
         instantiate the OpenAI client with an apiKey option.\n    at new OpenAI (/w/x.js:1:1)",
        "`OPENAI_API_KEY` is not passed on: arcanos has none (set it under `[env.set]`): Error: The \
         OPENAI_API_KEY environment variable is missing or empty; either provide it, or instantiate the \
         OpenAI client with an apiKey option.",
    ),
    (
        ONE,
        "Traceback (most recent call last):\n  File \"/w/a.py\", line 2, in \
         <module>\n    OpenAI()\nopenai.OpenAIError: The api_key client option must be set either by passing \
         api_key to the client or by setting the OPENAI_API_KEY environment variable",
        "`OPENAI_API_KEY` is not passed on: arcanos has none (set it under `[env.set]`): \
         openai.OpenAIError: The api_key client option must be set either by passing api_key to the \
         client or by setting the OPENAI_API_KEY environment variable",
    ),
    (
        ONE,
        "Error: Could not resolve authentication method. Expected either apiKey or authToken to be \
         set.\n    at A (/w/x.js:1:1)",
        "`ANTHROPIC_API_KEY` is not passed on: arcanos has none (set it under `[env.set]`): Error: Could \
         not resolve authentication method. Expected either apiKey or authToken to be set.",
    ),
];

const ANSWERS: &[Case] = &[
    (
        ONE,
        "AuthenticationError: 401 Incorrect API key provided: sk-x.\n    at A (/w/x.js:1:1) {\n  status: 401,",
        "the upstream refuses the API key (401): AuthenticationError: 401 Incorrect API key provided: \
         sk-x.",
    ),
    (
        ONE,
        "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'no'}}",
        "the upstream refuses the API key (401): openai.AuthenticationError: Error code: 401 - {'error': \
         {'message': 'no'}}",
    ),
    (
        ONE,
        "NotFoundError: 404 The model `x` does not exist or you do not have access to it.",
        "the upstream does not know the model (check AI_MODEL): NotFoundError: 404 The model `x` does \
         not exist or you do not have access to it.",
    ),
    (
        ONE,
        "RateLimitError: 429 You exceeded your current quota, please check your plan.",
        "the quota of the API key is used up (see its plan and billing): RateLimitError: 429 You \
         exceeded your current quota, please check your plan.",
    ),
    (
        ONE,
        "RateLimitError: 429 Rate limit reached for gpt-4o",
        "the upstream limits the rate of requests (429): RateLimitError: 429 Rate limit reached for \
         gpt-4o",
    ),
    (
        ONE,
        "anthropic.RateLimitError: Error code: 429 - {'type': 'error'}",
        "the upstream limits the rate of requests (429): anthropic.RateLimitError: Error code: 429 - \
         {'type': 'error'}",
    ),
    (
        ONE,
        "BadRequestError: 400 This model's maximum context length is 128000 tokens.",
        "the request is longer than the model's context: BadRequestError: 400 This model's maximum \
         context length is 128000 tokens.",
    ),
    (
        ONE,
        "BadRequestError: 400 Invalid schema for response_format",
        "BadRequestError: 400 Invalid schema for response_format",
    ),
    (
        ONE,
        "InternalServerError: 500 The server had an error",
        "the upstream failed (5xx): InternalServerError: 500 The server had an error",
    ),
    (
        ONE,
        "InternalServerError: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
        "the upstream is overloaded (529): InternalServerError: 529 \
         {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
    ),
    (
        ONE,
        "BadRequestError: 400 Your credit balance is too low to access the API.",
        "the quota of the API key is used up (see its plan and billing): BadRequestError: 400 Your \
         credit balance is too low to access the API.",
    ),
    (
        ONE,
        "APIConnectionError: Connection error.\n    at A (/w/x.js:1:1) {\n  cause: TypeError: fetch \
         failed\n      at f (node:x:1:1) {\n    [cause]: Error: getaddrinfo ENOTFOUND nope.invalid\n  }\n}",
        "the name `nope.invalid` cannot be resolved: APIConnectionError: Connection error.; caused by: \
         Error: getaddrinfo ENOTFOUND nope.invalid",
    ),
    (
        ONE,
        "openai.APIConnectionError: Connection error.",
        "the upstream cannot be reached: openai.APIConnectionError: Connection error.",
    ),
    (
        ONE,
        "openai.APITimeoutError: Request timed out.",
        "the upstream did not answer in time: openai.APITimeoutError: Request timed out.",
    ),
];

const NOT_THEIRS: &[Case] = &[
    (
        ONE,
        "/w/a.js:1\nthrow new RateLimitError()\n^\n\nRateLimitError: too many posts to the forum\n    at x \
         (/w/a.js:1:1)\n\nNode.js v20.20.2",
        "RateLimitError: too many posts to the forum",
    ),
    (
        ONE,
        "AuthenticationError: the mail server refused the login",
        "AuthenticationError: the mail server refused the login",
    ),
    (ONE, "NotFoundError: no such ticket", "NotFoundError: no such ticket"),
];

#[test]
fn a_key_that_is_missing_is_the_one_that_the_client_asks_for() {
    check(KEYS);
}

#[test]
fn answers_of_the_upstream() {
    check(ANSWERS);
}

#[test]
fn a_class_is_not_an_sdks_by_its_name_alone() {
    check(NOT_THEIRS);
}
