import pathlib, os
from conftest import *
from standin import *
S = pathlib.Path("/tmp/shots"); S.mkdir(exist_ok=True)
LAW = "My client does not pay. Can I sue him?"
IB = "My IBAN is NL91 ABNA 0417 1643 00. Can you repeat it?"
VAT = "When is my VAT return due?"
def fill(desk):
    a = "Your VAT return is due one month and seven days after the end of the quarter. For the quarter that ends on 31 March, that is 7 May.\n\nPay by the same day; a direct debit is taken three working days later."
    b = "Yes, that happens more often than you think. I can't advise on the law. I have passed your question to the duty accountant, who will call you by the end of the next working day."
    cut = b.index("I can't")
    c = "You gave us this account number: [iban]. It stands on the record of [name]."
    desk.scenes = {
     VAT: Scene(a, receipt()),
     LAW: Scene(b, receipt("hand_over", id="rct_01J9Z6X8QK", findings=[finding("no-legal-advice","output","hand_over","phrase “you should sue”"), finding("no-legal-advice","output","hand_over","topic legal advice", score=.93)], decisive=["no-legal-advice"], delivered={"complete":False,"marks":[[cut,len(b),"no-legal-advice","answer"]]}, case="case_7F2K")),
     IB: Scene(c, receipt("redact", id="rct_01J9Z6ZC3M", findings=[finding("no-client-data","input","redact","IBAN, check digits right", detector="identifier"), finding("no-client-data","output","redact","IBAN, check digits right")], decisive=["no-client-data"], input_marks=[[4,11,33,"no-client-data","iban"]], delivered={"complete":True,"marks":[[c.index("[iban]"),c.index("[iban]")+6,"no-client-data","mask"],[c.index("[name]"),c.index("[name]")+6,"no-client-data","mask"]]})),
    }
def talk(p, *qs):
    for i,q in enumerate(qs):
        p.fill("#message", q); p.keyboard.press("Enter")
        p.wait_for_selector(f".turn:nth-child({i+1}) .receipt")
CSS = asset("chat.css")[0].decode().replace("system-ui,", '"Inter", system-ui,')
def nice(p, desk):
    p.route("**/chat.css*", lambda r: r.fulfill(body=CSS, content_type="text/css"))
    p.goto(desk.url)
def test_shots(desk, visit):
    fill(desk)
    for name,w,h,dark in [("light",1440,1000,False),("dark",1440,1000,True),("huge",1680,1000,False),("phone",360,760,False)]:
        v = visit(w,h,dark=dark); p=v.page; nice(p, desk)
        p.screenshot(path=S/f"{name}-0.png")
        talk(p, VAT, LAW, IB)
        p.wait_for_timeout(150)
        p.screenshot(path=S/f"{name}-1.png")
        if name=="light":
            p.get_by_role("button", name="New conversation").click(); talk(p, LAW, IB); p.locator(".rule > summary").nth(0).click()
            p.mouse.wheel(0,-3000); p.wait_for_timeout(300); p.focus("#message"); p.screenshot(path=S/"light-top.png")
        if name=="phone":
            p.locator("#remit > summary").click(); p.locator(".rule > summary").nth(1).click(); p.locator(".receipt > summary").nth(1).click()
            p.screenshot(path=S/f"{name}-full.png", full_page=True)
def test_odd(desk, visit):
    fill(desk)
    off = {"checked": False, "rules": ["no-client-data"], "texts": 1}
    heb = "שלום! מועד הגשת הדוח הוא ה-7 במאי. IBAN: NL91 ABNA."
    desk.scenes |= {"guarantee": Scene("We can promise nothing about what the tax office decides.", receipt("replace", findings=[finding("no-guarantees","output","replace","phrase “I guarantee”"),finding("no-instructions","output","flag","canary", score=.61)],decisive=["no-guarantees"],delivered={"complete":False,"marks":[[0,60,"no-guarantees","answer"]]})),
      "instr": Scene("", receipt("block", findings=[finding("no-instructions","output","block","",score=None,failure="judge timed out after 2 s")],decisive=["no-instructions"])),
      "מתי מועד הדוח?": Scene(heb, receipt("flag", findings=[finding("no-guarantees","output","flag","near a promise")],decisive=["no-guarantees"],channels={"input":off,"output":{"checked":True,"rules":["no-guarantees"],"texts":1},"tool":{"checked":False,"rules":[],"texts":0}})),
      "busy": Scene("Rate limit reached for this key.", status=429)}
    v = visit(1440,1000); p=v.page; nice(p, desk)
    talk(p, "guarantee", "instr", "מתי מועד הדוח?", "busy")
    p.locator(".rule > summary").nth(1).click()
    p.screenshot(path=S/"odd-full.png", full_page=True)
    desk.scenes["hang"] = Scene("The answer is being written, word by word,", receipt(), ending="hang")
    p.fill("#message","hang"); p.keyboard.press("Enter"); p.wait_for_timeout(400)
    p.locator("#remit > summary").click()
    p.screenshot(path=S/"odd-hang.png")
