"""`%%stream` and `%stream` in a real kernel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.kernel import TestKernel
from tests.kernel import kernel as running_kernel
from tests.servers import chat


@pytest.fixture(scope="module")
def shell() -> Iterator[TestKernel]:
    with running_kernel() as kernel:
        kernel.run("%load_ext nbstream\nimport nbstream as nb")
        kernel.run("nb.register_model('quick', nb.Demo(speed=0))")
        yield kernel


def test_the_answer_is_the_cells_value_and_is_shown_once(shell):
    cell = shell.run("%%stream quick\nhello")
    assert cell.status == "ok"
    assert len(cell.outputs) == 1
    assert (
        shell.run("type(_).__name__, _.status, str(_) == _.text").result
        == "('Response', 'done', True)"
    )


def test_a_finished_cell_holds_static_forms_and_no_widget(shell):
    data = shell.run("%%stream quick\nShow me a table").outputs[0]["data"]
    assert set(data) == {"text/html", "text/markdown", "text/plain"}
    assert "<table>" in data["text/html"]
    assert "| Algorithm |" in data["text/markdown"]


def test_while_it_runs_the_output_is_live_with_fallbacks(shell):
    cell = shell.run("%%stream quick\nhello")
    live = next(m for m in cell.messages if m["msg_type"] == "display_data")["content"]["data"]
    assert "application/vnd.jupyter.widget-view+json" in live
    assert {"text/html", "text/markdown", "text/plain"} < set(live)


def test_a_response_of_an_earlier_cell_shows_its_text(shell):
    shell.run("%%stream quick --out kept\nhello")
    data = shell.run("kept").outputs[0]["data"]
    assert data["text/plain"].startswith("Hello")
    assert shell.run("kept.text.split()[0]").result == "'Hello!'"


def test_the_answer_can_be_bound_the_sql_way(shell):
    shell.run("%%stream quick bound <<\nhello")
    assert shell.run("bound.finish_reason").result == "'stop'"


def test_names_are_filled_in_and_other_braces_are_not(shell):
    shell.run('city = "Oslo"; d = {"k": [1, 2]}')
    prompt = 'In {city}: {d["k"][1]} {"json": {"a": 1}} \\frac{a}{b} {In[1]}'
    printed = shell.run(f"%%stream quick --dry-run\n{prompt}").printed
    assert 'In Oslo: 2 {"json": {"a": 1}} \\frac{a}{b} %load_ext nbstream' in printed
    assert prompt in shell.run(f"%%stream quick --dry-run --no-interpolate\n{prompt}").printed


def test_the_cell_says_what_was_filled_in_and_sends_no_key(shell):
    shell.run("import os\ncity = 'Oslo'\napi_key = 'sk-userkey-1234567890'")
    html = shell.run("%%stream quick\nhello {city} {os.environ}").outputs[0]["data"]["text/html"]
    assert "filled in: {city}" in html
    assert "{os.environ} was left as typed: modules" in html
    refused = shell.run("%%stream quick\nhello {api_key}")
    assert "looks like a key" in refused.error
    assert "1234567890" not in refused.error


def test_a_traceback_can_be_asked_about(shell):
    shell.run("1/0")
    number = int(shell.run("len(In) - 2").result)
    printed = shell.run(f"%%stream quick --dry-run\nwhat is wrong? {{Err[{number}]}}").printed
    assert "ZeroDivisionError: division by zero" in printed


def test_a_mistyped_name_is_said_in_the_output(shell):
    shell.run('city = "Oslo"')
    html = shell.run("%%stream quick\nhello {ctiy}").outputs[0]["data"]["text/html"]
    assert "did you mean {city}?" in html


def test_without_a_model_the_demo_answers_and_says_how_to_set_one(shell):
    html = shell.run("%%stream\nhello").outputs[0]["data"]["text/html"]
    assert "%config StreamMagics.model" in html


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("%%stream gtp-4o-mini\nhi", "Did you mean gpt-4o-mini"),
        ("%%stream openai/gpt-4o-mini\nhi", "no API key for openai"),
        ("%%stream m --api-base http://127.0.0.1:9/v1\nhi", "nobody answers at http://127.0.0.1:9"),
        ("%%stream quick --temprature 1\nhi", "Did you mean --temperature?"),
        ("%%stream quick --raw\nhi", "--record FILE --raw"),
        ("%%stream quick --api-base http://127.0.0.1:9/v1 --api-key-name NOPE_KEY\nhi", "NOPE_KEY"),
        ("%%stream quick\n\n", "The cell has no prompt."),
        ("%stream alias fast", "%stream alias fast gpt-4o-mini"),
        ("%stream config temprature = 1", "Did you mean temperature?"),
    ],
)
def test_what_goes_wrong_is_said_without_a_traceback(shell, code, says):
    cell = shell.run(code)
    assert cell.status == "error"
    assert says in cell.error
    assert "Traceback" not in cell.error
    assert "File " not in cell.error
    assert len(cell.error.splitlines()) <= 2


def test_a_missing_key_names_its_variable(shell):
    html = shell.run("%%stream openai/gpt-4o-mini\nhi").outputs[0]["data"]["text/html"]
    assert "OPENAI_API_KEY" in html


def test_a_failure_keeps_the_text_and_fails_the_cell(shell):
    cell = shell.run("%%stream quick\nplease fail")
    assert cell.status == "error"
    assert cell.outputs[0]["data"]["text/plain"].startswith("You asked for trouble")
    assert cell.error == "ServerError: the demo server is overloaded (on purpose)"


def test_a_comparison_records_each_stream(shell, tmp_path):
    path = tmp_path / "run.jsonl"
    shell.run(f"%%stream --compare quick,quick --record {path}\nhello")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run-1.jsonl", "run-2.jsonl"]


def test_formats_thinking_usage_and_recording(shell, tmp_path):
    path = tmp_path / "run.jsonl"
    cell = shell.run(f"%%stream quick -f code -R -u --record {path}\nthink about it")
    html = cell.outputs[0]["data"]["text/html"]
    assert "<pre" in html
    assert "Thought for" not in html
    assert cell.printed.startswith("usage: ")
    assert shell.run(f"nb.replay({str(path)!r}, speed=None).result().thinking[:3]").result != "''"


def test_commands(shell):
    listed = shell.run("%stream list").printed
    assert "demo" in listed and "\nthrough litellm:\nazure/…, " in listed
    assert "azure/…     through litellm" in shell.run("%stream list az").printed
    assert shell.run("%stream alias mine quick").printed == "mine is quick\n"
    assert shell.run("%%stream mine\nhello").status == "ok"
    assert shell.run("%stream dealias mine").status == "ok"
    assert "temperature = 0.5" in shell.run("%stream config temperature = 0.5").printed
    shell.run("%stream config temperature = null")
    assert "--max-tokens" in shell.run("%stream help").printed
    assert "--max-tokens" in shell.run("%%stream --help\n").printed
    assert shell.run("%stream version").printed.startswith("nbstream ")
    assert shell.run("%stream hello there").outputs[0]["data"]["text/plain"].startswith("Hello")


def test_config_by_traitlets(shell):
    shell.run('%config StreamMagics.model = "quick"')
    html = shell.run("%%stream\nhello").outputs[0]["data"]["text/html"]
    assert "%config StreamMagics.model" not in html
    shell.run('%config StreamMagics.model = ""')


def test_in_the_background(shell):
    shell.run("nb.register_model('steady', nb.Demo(speed=3))")
    shell.run("%%stream steady --bg --out running\na long history")
    assert shell.run("running.status in ('pending', 'running')").result == "True"
    assert "stopped 1 stream" in shell.run("%stream stop").printed
    assert shell.run("running.status").result == "'stopped'"


def test_below_another_cell_magic(shell):
    cell = shell.run("%%time\nx = 1\nget_ipython().run_cell_magic('stream', 'quick', 'hello')")
    assert cell.status == "ok"
    assert "Hello" in cell.result


def test_interrupt_keeps_the_text_and_drops_the_queue(shell, serve):
    server = serve(chat([f"word{n} " for n in range(2000)], delay=0.02))
    running = shell.start(f"%%stream test-model --api-base {server.url}/v1\nhi")
    queued = shell.start("print('not reached')")
    time.sleep(1.5)
    shell.interrupt()
    cell = shell.finish(running)
    assert cell.status == "error"
    assert cell.error == "Interrupted: stopped; the text so far is kept"
    assert cell.outputs[0]["data"]["text/plain"].startswith("word0 word1 ")
    assert cell.outputs[0]["data"]["text/plain"].endswith("[stopped]")
    deadline = time.monotonic() + 5
    while server.requests[0].closed_at is None:
        assert time.monotonic() < deadline, "the connection stayed open"
        time.sleep(0.01)
    assert shell.finish(queued).status == "aborted"


def test_a_key_appears_nowhere(serve):
    key = "sk-kernel-7b1f02c6e9"

    async def refuses(request):
        await request.respond(401, {"error": {"message": f"Incorrect API key provided: {key}"}})

    ok, refused = serve(chat(["fine"])), serve(refuses)
    with running_kernel() as kernel:
        kernel.run(f"import os; os.environ['MY_KEY'] = {key!r}")
        kernel.run("%load_ext nbstream\nimport nbstream as nb")
        cells = [
            kernel.run(
                f"%%stream m --api-base {ok.url}/v1 --api-key-name MY_KEY --record r.jsonl\nhi"
            ),
            kernel.run(f"%%stream m --api-base {refused.url}/v1 --api-key-name MY_KEY\nhi"),
            kernel.run(
                f"m = nb.OpenAICompatible('{refused.url}/v1', 'm', api_key=os.environ['MY_KEY'])"
            ),
            kernel.run("m, nb.stream('hi', model=m)"),
            kernel.run("nb.stream('hi', model=m).result()"),
            kernel.run("import ipywidgets; ipywidgets.Widget.get_manager_state()"),
            kernel.run("print(open('r.jsonl').read()); os.remove('r.jsonl')"),
        ]
    assert ok.requests[0].headers["authorization"] == f"Bearer {key}"
    assert "AuthenticationError" in cells[1].error
    for cell in cells:
        for message in cell.messages:
            if message["msg_type"] != "execute_input":
                assert key not in repr(message["content"])


def test_a_further_cell_is_light(shell):
    shell.run("%%stream quick\nhello")
    cell = shell.run("%%stream quick --max-tokens 0\nhello")
    before_first_token = [s for kind, s in cell.sizes if kind in ("comm_open", "display_data")]
    assert len(before_first_token) == 2
    assert sum(before_first_token) < 8_000


HELD = """
def held():
    shell = get_ipython()
    magics = shell.magics_manager.magics
    return (
        [each for calls in shell.events.callbacks.values() for each in calls],
        list(shell.input_transformers_cleanup),
        [each for each in shell.configurables if "nbstream" in type(each).__module__],
        sorted(magics["line"]) + sorted(magics["cell"]),
        sorted(name for name in vars(shell) if "nbstream" in name),
    )
before = held()
"""


def test_unloading_gives_back_everything():
    with running_kernel() as kernel:
        kernel.run(HELD)
        for _ in range(3):
            kernel.run("%load_ext nbstream\nassert held() != before")
            assert kernel.run("%%stream demo\nhello").status == "ok"
            assert kernel.run("1 / 0").status == "error"
            assert kernel.run("%unload_ext nbstream").status == "ok"
        assert kernel.run("print([b for a, b in zip(before, held()) if a != b])").printed == "[]\n"
        assert "UsageError" in kernel.run("%%stream demo\nhello").printed


def test_a_dry_run_shows_where_it_goes_and_the_whole_body(shell):
    line = "m --api-base http://127.0.0.1:9/v1?api_key=hidden-4711 -t 0.5 --reasoning low --seed 7"
    printed = shell.run(f"%%stream {line} -o min_p 0.1 --dry-run\nhello").printed
    assert "POST http://127.0.0.1:9/v1/chat/completions" in printed
    assert "hidden-4711" not in printed
    body = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert {"temperature": 0.5, "reasoning_effort": "low", "seed": 7, "min_p": 0.1}.items() <= (
        body.items()
    )
    assert "no provider is called" in shell.run("%%stream opnai/gpt-4o --dry-run\nhi").error
