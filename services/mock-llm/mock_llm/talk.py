"""Conversation: greetings, thanks, questions about the assistant itself."""

import re

from mock_llm.intents import Say, Talk
from mock_llm.text import rx

_RULES: list[tuple[Talk, re.Pattern[str]]] = [
    (
        "greeting",
        rx(
            r"(?:hey|hi+|hello+|hallo|hola|howdy|yo|greetings|good (?:morning|afternoon|evening"
            r"|day)"
            r"|hiya|sup|hey there|hi there|hello there)"
            r"(?:[ ,]*(?:there|all|bot|assistant|chatbot|friend|everyone|buddy|again))*"
        ),
    ),
    (
        "thanks",
        rx(
            r"(?:(?:ok|okay|great|perfect|cool|nice|awesome|super|good|wonderful|excellent|yes|no"
            r"|ah)"
            r"[ ,!.]*)*(?:thanks|thank you|thank u|thx|ty|cheers|much appreciated|appreciated"
            r"|you(?:'re| are) (?:great|awesome|the best)|well done|good job|nice work|great job"
            r"|awesome|great|perfect|cool|nice|wonderful|excellent|super)"
            r"(?:[ ,!]*(?:a lot|so much|very much|a bunch|again|for (?:your |the |all )*(?:help"
            r"|everything"
            r"|that|this)|bot|assistant|you|that's all|that is all|man|buddy"
            r"|(?:great|good|nice) (?:job|work)))*"
        ),
    ),
    (
        "bye",
        rx(
            r"(?:bye|bye bye|goodbye|good bye|good night|see (?:you|ya)(?: later| soon| tomorrow)?"
            r"|cya|later|farewell|that's (?:all|it)(?: for (?:now|today))?|i'm off)"
        ),
    ),
    (
        "help",
        rx(
            r"(?:(?:can|could) (?:you|i|we) (?:also )?(?:add|create|delete|remove|complete|rename"
            r"|update"
            r"|edit|change|show|list|manage) (?:a |an |some )?(?:tasks?|to-?dos?|items?)(?= *[?]?$)"
            r"|help|help me|please help|i need help|\?+|commands?|instructions|usage|/help"
            r"|options"
            r"|menu|(?:what|which)(?: else| things| commands)? (?:can|could|do) (?:you|u|i|we)"
            r"(?: all| actually| really)? (?:do|ask|say|understand|help)(?: (?:you|me|here|for me"
            r"|with"
            r"|about|to do))*|how (?:do(?:es)?|can|should) (?:this|it|i|you|that|we)(?: chat"
            r"| chatbot"
            r"| bot| app)? ?(?:work|use|start|begin|add|delete|talk|create|complete)?\b.*"
            r"|what are you(?:r)? (?:capable of|able to do|features|skills|capabilities|good (?:at"
            r"|for))"
            r"|what(?:'s| is| are) (?:your (?:features|abilities|skills|purpose)|possible)"
            r"|(?:can|could|will) you help(?: me)?(?: out)?(?: with (?:this|something|my tasks))?)"
        ),
    ),
    (
        "others",
        rx(
            r"(?!add\b|remind\b|i need\b).*\b(?:tasks?|lists?|to-?dos?|items?|data|everything)"
            r" (?:of|from|for|belonging to) (?:the |an?other |all |other |every )*"
            r"(?:users?|accounts?|persons?|people|everyone|everybody)\b.*"
            r"|.*\b(?:everyone|everybody|anyone|(?:an)?other (?:users?|persons?)|all users"
            r"|other people"
            r"|someone)(?:'s?)?(?: else's)? (?:tasks?|lists?|to-?dos?)\b.*"
            r"|(?:show|list|display|give|see|get|read|view|print|tell)(?: me)?(?: all)?(?: of)?"
            r" (?!(?:\w*day|tonight|tomorrow|week|month|year|what|that|there|here|it|let"
            r"|how)[\x27’]s)"
            r"(?:user )?\w+[\x27’]s (?:open |done |completed )?(?:tasks|list|to-?dos)"
            r"|(?:show|list|display|give|print|delete)(?: me)?(?: all| the| other)* users"
            r"(?: and .*)?"
            r"|(?:add|create) (?:a )?(?:new )?(?:task|to-?do) (?:for|to) (?:the )?user \w+.*"
        ),
    ),
    (
        "who",
        rx(
            r"(?:who|what) (?:are|r) (?:you|u)|what(?:'s| is) your name|are you (?:a |an "
            r"|the )?(?:real"
            r"|human|bot|robot|ai|chatgpt|gpt|gemini|llm|mock|person|machine|alive|there|model)\b.*"
            r"|(?:what|which) (?:model|llm|ai) (?:are you|is this|do you use)(?: using| running)?"
            r"|who (?:made|built|created) you|is this (?:a |an )?(?:real |mock |human|ai|bot).*"
        ),
    ),
    (
        "mood",
        rx(
            r"how(?:'s| is| are| r)? (?:it going|you|u|ya|things|you doing|everything going"
            r"|are you(?: doing)?|do you do|your day)(?: doing| today)*|what's up|tell me a joke"
            r"|wassup"
        ),
    ),
    (
        "never mind",
        rx(
            r"(?:no|nope|nah|never ?mind|nvm|forget (?:it|that|about it)|cancel(?: that| it)?|stop"
            r"|don't|no thanks|no thank you|none(?: of them)?|neither|abort|leave it|nothing)"
            r"(?:[ ,]+(?:thanks|thank you|never ?mind|forget it|cancel that|stop|please))*"
        ),
    ),
    (
        "yes",
        rx(
            r"(?:yes|yeah|yep|yup|sure|ok|okay|k|fine|right|correct|exactly|do it|go ahead"
            r"|of course|alright|got it|i see|understood|good)(?:[ ,]+please)?"
        ),
    ),
]


def parse(text: str) -> Say | None:
    """The kind of talk, if the whole text is that."""
    bare = text.strip(" .!?,;:\n")
    bare = re.sub(r"\s*[\U0001F300-\U0001FAFF\u2764\uFE0F]+$", "", bare) or bare
    if not bare and "?" in text:
        return Say("help")
    for kind, pattern in _RULES:
        if pattern.fullmatch(bare):
            return Say(kind)
    return None
